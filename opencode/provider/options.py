"""Options of opencode.json that become parts of a request on more than one wire."""

import re
from collections.abc import Mapping
from typing import Any

from opencode.errors import ModelAPIError
from opencode.schema.base import JsonObject

from .base import ModelRequest
from .quirks import OWN_OPTIONS


def passed_on(options: JsonObject) -> dict[str, Any]:
    """Return the options that are the provider's, not this server's own."""
    return {key: value for key, value in options.items() if key not in OWN_OPTIONS}


def cache_control(options: JsonObject) -> JsonObject:
    """Return a cache breakpoint. It lasts five minutes, or as long as the option `cacheTtl` says ("1h")."""
    ttl = options.get("cacheTtl")
    return {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}


def server_tools(request: ModelRequest, known: Mapping[str, JsonObject]) -> list[JsonObject]:
    """Return the tools that the provider runs itself, as the option `serverTools` allows them.

    Only a session's answers use them, not its title or summary. An item is a name, or an object with `type`
    and the tool's own settings. `known`: definitions by name; an object of another type goes out as it is.
    Raises ModelAPIError for a name that is not known.
    """
    items = request.options.get("serverTools") or [] if request.session_id else []
    tools = []
    for item in items if isinstance(items, list) else [items]:
        settings = {"type": item} if isinstance(item, str) else item
        kind = settings.get("type") if isinstance(settings, dict) else None
        if isinstance(settings, dict) and isinstance(kind, str) and (kind in known or isinstance(item, dict)):
            own = {snake(key): value for key, value in settings.items() if key != "type"}
            tools.append({**known.get(kind, {"type": kind}), **own})
            continue
        raise ModelAPIError(
            f"options.serverTools of the model {request.model.provider_id}/{request.model.id} in "
            f"opencode.json names a tool that its provider does not have: {item!r}. "
            f"It has: {', '.join(known)}.",
            retryable=False,
        )
    return tools


def snake(name: str) -> str:
    """Return a name of opencode.json as the providers' APIs write it: `budgetTokens`, `budget_tokens`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
