"""Opens the adapter for a wire. opencode names a wire by the npm package that implements it."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType, structs

from opencode.config import ProviderOptions

from .base import Adapter
from .chat.adapter import ChatAdapter
from .key_rotation import KeyRotation
from .messages.adapter import MessagesAdapter
from .responses.adapter import ResponsesAdapter
from .wire.timeouts import Timeouts

ANTHROPIC = "@ai-sdk/anthropic"
OPENAI = "@ai-sdk/openai"
COMPATIBLE = "@ai-sdk/openai-compatible"


def open_adapter(
    provider_id: str, npm: str, url: str, keys: Sequence[str], options: ProviderOptions
) -> Adapter:
    """Return a new adapter. `npm`: opencode's driver; all but two of them speak Chat Completions.

    `url`: the base URL, "" for the SDK's default. Several `keys` are used one after the other.
    """
    adapters = [_one(provider_id, npm, url, key, options) for key in keys or ("",)]
    return adapters[0] if len(adapters) == 1 else KeyRotation(provider_id, adapters)


def _one(provider_id: str, npm: str, url: str, key: str, options: ProviderOptions) -> Adapter:
    timeouts = _timeouts(options)
    if npm == ANTHROPIC:
        # opencode's addresses end in the version, which this SDK adds itself.
        url = url.rstrip("/").removesuffix("/v1")
        return MessagesAdapter(provider_id, key, url or None, options.headers, timeouts)
    if npm == OPENAI:
        return ResponsesAdapter(provider_id, key, url or None, options.headers, timeouts)
    adapter = ChatAdapter(provider_id, key, url, options.headers, timeouts)
    adapter.think_tags = options.think_tags
    return adapter


def _timeouts(options: ProviderOptions) -> Timeouts:
    """Return opencode.json's time-outs (in ms there), with the adapters' defaults for those not given."""
    usual = Timeouts()
    head = options.timeout if options.header_timeout is UNSET else options.header_timeout
    return structs.replace(
        usual,
        header_s=_seconds(head, usual.header_s),
        idle_s=_seconds(options.chunk_timeout, usual.idle_s),
    )


def _seconds(ms: int | Literal[False] | UnsetType, default: float | None) -> float | None:
    if ms is UNSET:
        return default
    return None if ms is False else ms / 1000
