"""Connects an MCP client to addresses that `tool/egress` has checked."""

import httpx2

from opencode.errors import ToolError

from ..egress import Egress


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Resolves the host of each request, checks all its addresses, and connects to one of these."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._transport = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        host = url.raw_host.decode("ascii")
        try:
            addresses = await self._egress.addresses(host, url.port or (443 if url.scheme == "https" else 80))
        except ToolError as error:
            raise httpx2.ConnectError(error.message, request=request) from None
        request.extensions = {**request.extensions, "sni_hostname": host.rstrip(".")}
        for index, address in enumerate(addresses):
            request.url = url.copy_with(host=str(address))
            try:
                return await self._transport.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if index == len(addresses) - 1:
                    raise
            finally:
                request.url = url
        raise httpx2.ConnectError("The host has no address.", request=request)

    async def aclose(self) -> None:
        await self._transport.aclose()
