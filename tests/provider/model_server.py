"""A loopback server that lists models, and what the tests that use it share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from opencode.errors import BadRequest
from opencode.provider.registry import Registry
from opencode.schema.provider import Provider

SECRET = "sk-very-secret"
NOWHERE = "http://127.0.0.1:9"  # the discard port: refuses at once

Connect = Callable[..., Registry]


class ModelServer:
    """Lists models as OpenAI-compatible servers do; `ids` None: it does not, `hold` set: not yet."""

    def __init__(self, ids: list[str] | None) -> None:
        self.ids = ids
        self.asked = 0
        self.keys: list[str | None] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.url = ""

    async def models(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.keys.append(request.headers.get("authorization"))
        await self.may_answer.wait()
        if self.ids is None:
            return web.json_response({"error": {"message": "no such route"}}, status=404)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in self.ids]
        return web.json_response({"object": "list", "data": data})


@asynccontextmanager
async def serving(*ids: str, lists: bool = True) -> AsyncIterator[ModelServer]:
    server = ModelServer(list(ids) if lists else None)
    app = web.Application()
    app.router.add_get("/v1/models", server.models)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        server.may_answer.set()
        await runner.cleanup()


def by_id(providers: list[Provider]) -> dict[str, Provider]:
    return {provider.id: provider for provider in providers}


async def refusal(waiting: Awaitable[object]) -> str:
    with pytest.raises(BadRequest) as refused:
        await waiting
    return refused.value.message
