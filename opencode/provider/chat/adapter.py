"""Chat Completions: OpenRouter, Ollama, vLLM, llama.cpp, LM Studio, the Hugging Face router and others."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import structs

from opencode.schema.base import JsonObject

from ..base import ModelRequest
from ..wire.adapter import WireAdapter
from ..wire.reader import Reader
from .reader import ChatReader
from .request import chat_body

if TYPE_CHECKING:
    import httpx2

THINK_TAGS = "thinkTags"
"""The option of a model, an agent or a variant: whether `<think>…</think>` in the text is reasoning."""


class ChatAdapter(WireAdapter):
    """`think_tags`: whether `<think>…</think>` in the text is reasoning, unless a model says otherwise."""

    sdk_name = "openai"
    path = "/chat/completions"
    needs_key = False
    think_tags = True

    def _build_client(self, sdk: ModuleType, http_client: "httpx2.AsyncClient") -> Any:
        return sdk.AsyncOpenAI(
            api_key=self._key or "not used",
            base_url=self._base_url,
            default_headers=self._headers,
            max_retries=0,
            http_client=http_client,
        )

    def _own_headers(self) -> dict[str, Any]:
        """Return headers that also keep the user's OpenAI organization and project from other servers."""
        omit = self._client.sdk.Omit()
        return {"OpenAI-Organization": omit, "OpenAI-Project": omit, **super()._own_headers()}

    def _body(self, request: ModelRequest) -> JsonObject:
        options = {key: value for key, value in request.options.items() if key != THINK_TAGS}
        return chat_body(structs.replace(request, options=options))

    def _reader(self, request: ModelRequest) -> Reader:
        names = frozenset(tool.name for tool in request.tools)
        think_tags = request.options.get(THINK_TAGS, self.think_tags) is not False
        return ChatReader(self._errors, names, think_tags=think_tags)

    async def _list(self, client: Any) -> list[str]:
        page = await client.models.list(extra_headers=self._own_headers())
        return [model.id for model in page.data or []]
