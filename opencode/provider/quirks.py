"""What a vendor's server wants otherwise than its API's own documentation says, as data.

The request builders read a model's `Quirks` and name no vendor. The table is in `vendors.py`.
"""

import re
from typing import Literal

import msgspec

from opencode.errors import ModelAPIError
from opencode.schema.base import JsonObject
from opencode.schema.provider import Model

OPTION = "quirks"
OWN_OPTIONS = frozenset(
    {OPTION, "serverTools", "cacheTtl", "toolStreaming", "thinkTags", "setCacheKey", "includeUsage"}
)
"""Options that are this server's own: none of them is part of a request's body."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How requests for a model are written. The defaults are what most servers take.

    All wires. `call_id_length`: the exact length of a call's id, 0 for up to 64 characters; `call_id_marks`:
    it may have `_` and `-`. `sampling`: temperature and top_p are accepted.

    Chat Completions. `output_limit`: the field for the answer's limit. `system_role`: the role of the system
    prompt. `stream_options`: usage is asked for. `forced_call`: the word for "call some tool".
    `tool_messages`: calls and their results are accepted in the conversation; otherwise they are sent as
    text. `bridge`: what the assistant says between a tool's result and a user's message, "" for nothing.
    `placeholder_tool`: a conversation with calls needs a list of tools. `cache_breakpoints`: `cache_control`
    marks what may be cached. `cache_key`: the session is sent as `prompt_cache_key`. `pdf`: its form.
    `reasoning_field`: where reasoning goes back if its answer did not tell; `reasoning_always`: every message
    of the assistant has that field; `reasoning_parts`: reasoning goes back as parts of the content.
    `call_signature`: stands in for the thought signature of calls that have none. `reasoning_control`: the
    form in which reasoning is switched and limited.

    Messages. `unsigned_thinking`: thinking goes back without a signature too. `tool_streaming`: the input of
    calls is streamed as it is written.

    Responses. `plain_reasoning`: reasoning that is not encrypted goes back as text.
    """

    call_id_length: int = 0
    call_id_marks: bool = True
    sampling: bool = True
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    system_role: Literal["system", "developer"] = "system"
    stream_options: bool = True
    forced_call: str = "required"
    tool_messages: bool = True
    bridge: str = ""
    placeholder_tool: bool = False
    cache_breakpoints: bool = False
    cache_key: bool = False
    pdf: Literal["file", "document_url"] = "file"
    reasoning_field: str = ""
    reasoning_always: bool = False
    reasoning_parts: bool = False
    call_signature: str = ""
    reasoning_control: Literal["openai", "openrouter", "alibaba", "google"] = "openai"
    unsigned_thinking: bool = False
    tool_streaming: bool = False
    plain_reasoning: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What some models want otherwise: `quirks` has the fields of Quirks that differ.

    An entry holds where one of `providers` (ids), `packages` (opencode's names for wires) or `hosts` (of the
    base URL, with their subdomains) fits, or none is given, and `models` is found in the model's name.
    """

    quirks: JsonObject
    providers: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    models: str = ""

    def fits(self, model: Model) -> bool:
        """Return whether the entry holds for a model."""
        if self.models and not re.search(self.models, model.api.id.lower()):
            return False
        if not (self.providers or self.packages or self.hosts):
            return True
        host = (
            model.api.url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].lower()
        )
        return (
            model.provider_id in self.providers
            or model.api.npm in self.packages
            or any(host == name or host.endswith(f".{name}") for name in self.hosts)
        )


def quirks_of(model: Model, options: JsonObject, table: tuple[Entry, ...]) -> Quirks:
    """Return a model's quirks: those of all entries that fit, later ones first, then `options.quirks`.

    Raises ModelAPIError for a quirk in opencode.json that does not exist or has another type.
    """
    found: JsonObject = {}
    for entry in table:
        if entry.fits(model):
            found = {**found, **entry.quirks}
    own = options.get(OPTION) or {}
    try:
        return msgspec.convert({**found, **own}, Quirks)
    except (msgspec.ValidationError, TypeError) as error:
        raise ModelAPIError(
            f"options.quirks of the model {model.provider_id}/{model.id} in opencode.json is invalid: "
            f"{error}. docs/providers.md lists the quirks.",
            retryable=False,
        ) from None
