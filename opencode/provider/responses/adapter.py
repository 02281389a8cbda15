"""OpenAI's Responses API."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from opencode.schema.base import JsonObject

from ..base import ModelRequest
from ..wire.adapter import WireAdapter
from ..wire.reader import Reader
from .reader import ResponsesReader
from .request import responses_body

if TYPE_CHECKING:
    import httpx2


class ResponsesAdapter(WireAdapter):
    sdk_name = "openai"
    path = "/responses"
    default_url = "https://api.openai.com/v1"

    def _build_client(self, sdk: ModuleType, http_client: "httpx2.AsyncClient") -> Any:
        return sdk.AsyncOpenAI(
            api_key=self._key or "not used",
            base_url=self._base_url,
            default_headers=self._headers,
            max_retries=0,
            http_client=http_client,
        )

    def _body(self, request: ModelRequest) -> JsonObject:
        return responses_body(request)

    def _reader(self, request: ModelRequest) -> Reader:
        return ResponsesReader(self._errors, bool(request.options.get("serverTools")))

    async def _list(self, client: Any) -> list[str]:
        page = await client.models.list(extra_headers=self._own_headers())
        return [model.id for model in page.data]
