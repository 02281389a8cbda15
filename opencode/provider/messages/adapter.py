"""Anthropic's Messages API, and other servers with the same API."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from opencode.schema.base import JsonObject

from ..base import ModelRequest
from ..wire.adapter import WireAdapter
from ..wire.reader import Reader
from .reader import MessagesReader
from .request import messages_body

if TYPE_CHECKING:
    import httpx2

LIST_PAGES = 20


class MessagesAdapter(WireAdapter):
    sdk_name = "anthropic"
    path = "/v1/messages"
    default_url = "https://api.anthropic.com"

    def _build_client(self, sdk: ModuleType, http_client: "httpx2.AsyncClient") -> Any:
        return sdk.AsyncAnthropic(
            api_key=self._key,
            base_url=self._base_url,
            default_headers=self._headers,
            max_retries=0,
            http_client=http_client,
        )

    def _body(self, request: ModelRequest) -> JsonObject:
        return messages_body(request)

    def _reader(self, request: ModelRequest) -> Reader:
        return MessagesReader(self._errors, bool(request.options.get("serverTools")))

    async def _list(self, client: Any) -> list[str]:
        page = await client.models.list(limit=1000, extra_headers=self._own_headers())
        model_ids = [model.id for model in page.data]
        for _ in range(LIST_PAGES):
            if not page.has_next_page():
                break
            page = await page.get_next_page()
            model_ids += [model.id for model in page.data]
        return model_ids
