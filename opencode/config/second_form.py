"""Settings in the form of OpenCode 2, which opencode 1.18 reads too, in the form of version 1."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject, given

_UNSUPPORTED = ("plugins", "providers", "websearch", "warming")

NamedModel = Annotated[str, Meta(pattern=r"^[^/#]+/[^#]+(?:#[^#]+)?$")]


class _Model(msgspec.Struct, rename={"provider_id": "providerID"}):
    provider_id: str
    model: str
    variant: str | UnsetType = UNSET


class _Request(msgspec.Struct):
    body: JsonObject | UnsetType = UNSET


class _Agent(msgspec.Struct):
    model: NamedModel | _Model | UnsetType = UNSET
    request: _Request | UnsetType = UNSET
    system: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    mode: Literal["subagent", "primary", "all"] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    color: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")] | UnsetType = UNSET
    steps: Annotated[int, Meta(gt=0)] | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class _Command(msgspec.Struct):
    template: str
    description: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: NamedModel | _Model | UnsetType = UNSET
    subtask: bool | UnsetType = UNSET


def first_form(config: JsonObject, source: str) -> tuple[JsonObject, list[str]]:
    """Return a file's configuration in the form of version 1, and a sentence for what can't be used.

    What is written in both forms counts as version 1 has it. Raises SettingsError for rules of rights in the
    second form, which this server would otherwise leave out without a word.
    """
    for place in _permissions(config):
        raise SettingsError(
            f"{source}: {place} is the form of OpenCode 2, which is not read here: write its rules as "
            '"permission", such as {"bash": "ask"}.'
        )
    result = dict(config)
    warnings = [f"{key} is of OpenCode 2 and has no effect here." for key in _UNSUPPORTED if key in config]
    if isinstance(config.get("snapshots"), bool):
        result.setdefault("snapshot", config["snapshots"])
    if isinstance(config.get("media"), dict):
        result.setdefault("attachment", config["media"])
    if (model := _converted(config.get("model"), NamedModel | _Model)) is not None:
        result["model"] = _named(model)["model"]
    if isinstance(paths := config.get("skills"), list):
        urls = [path for path in paths if str(path).lower().startswith(("http://", "https://"))]
        result["skills"] = {"paths": [path for path in paths if path not in urls], "urls": urls}
    _compaction(result)
    experimental = config.get("experimental")
    if isinstance(experimental, dict) and "subagent_depth" in experimental:
        result.setdefault("subagent_depth", experimental["subagent_depth"])
    for new, old, kind in (("agents", "agent", _Agent), ("commands", "command", _Command)):
        warnings += _entries(result, new, old, kind)
    _mcp(result)
    return {key: value for key, value in result.items() if key not in _RENAMED}, warnings


_RENAMED = ("agents", "commands", "snapshots", "media", *_UNSUPPORTED)


def _permissions(config: JsonObject) -> Iterator[str]:
    if "permissions" in config:
        yield "permissions"
    for kind in ("agents", "agent", "mode"):
        entries = config.get(kind)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and "permissions" in entry:
                yield f"{kind}.{name}.permissions"


def _converted(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def _named(model: "str | _Model") -> JsonObject:
    """Return a model and its variant as version 1 has them."""
    if isinstance(model, _Model):
        name, variant = f"{model.provider_id}/{model.model}", given(model.variant, "")
    else:
        name, _, variant = model.partition("#")
    return {"model": name, **({"variant": variant} if variant else {})}


def _compaction(config: JsonObject) -> None:
    settings = config.get("compaction")
    if not isinstance(settings, dict):
        return
    result = {key: value for key, value in settings.items() if key not in ("keep", "buffer")}
    keep = settings.get("keep")
    if isinstance(keep, dict) and "tokens" in keep:
        result.setdefault("preserve_recent_tokens", keep["tokens"])
    if "buffer" in settings:
        result.setdefault("reserved", settings["buffer"])
    config["compaction"] = result


def _entries(config: JsonObject, new: str, old: str, kind: Any) -> Iterator[str]:
    """Add the agents or commands of the second form to those of the first; yield what was left out."""
    entries = config.get(new)
    before = config.get(old, {})
    if not isinstance(entries, dict) or not isinstance(before, dict):
        return
    result = dict(before)
    for name, value in entries.items():
        if name in result:
            continue
        entry = _converted(value, kind)
        if entry is None:
            yield f"{new}.{name} is left out: it is not as OpenCode 2 has it. Use {old}.{name} instead."
            continue
        known = {field.encode_name for field in msgspec.structs.fields(kind)}
        for key in [key for key in value if key not in known]:
            yield f"{new}.{name}.{key} has no effect: OpenCode 2 has no such key. Use {old}.{name} instead."
        result[name] = _agent(entry) if isinstance(entry, _Agent) else _command(entry)
    if result or old in config:
        config[old] = result


def _agent(entry: _Agent) -> JsonObject:
    written = msgspec.to_builtins(entry)
    same = ("description", "mode", "hidden", "color", "steps")
    result = {key: written[key] for key in same if key in written}
    if entry.system is not UNSET:
        result["prompt"] = entry.system
    if entry.disabled is not UNSET:
        result["disable"] = entry.disabled
    if entry.model is not UNSET:
        result |= _named(entry.model)
    if entry.request is not UNSET and entry.request.body is not UNSET:
        result["options"] = entry.request.body
    return result


def _command(entry: _Command) -> JsonObject:
    written: JsonObject = msgspec.to_builtins(entry)
    return written if entry.model is UNSET else {**written, **_named(entry.model)}


def _mcp(config: JsonObject) -> None:
    """Take the servers of `mcp.servers` into `mcp`, and the times of `mcp.timeout` into `experimental`."""
    settings = config.get("mcp")
    if not isinstance(settings, dict):
        return
    nested = settings.get("servers")
    is_list = isinstance(nested, dict) and not _is_server(nested)
    times = settings.get("timeout")
    is_times = isinstance(times, dict) and not times.keys().isdisjoint(("startup", "catalog", "execution"))
    servers = {
        name: _server(entry)
        for name, entry in settings.items()
        if not (name == "servers" and is_list) and not (name == "timeout" and is_times)
    }
    for name, entry in nested.items() if is_list and isinstance(nested, dict) else ():
        servers.setdefault(name, _server(entry))
    config["mcp"] = servers
    if is_times and (limit := _one_limit(times)) is not None:
        experimental = config.get("experimental", {})
        if isinstance(experimental, dict):
            config["experimental"] = {"mcp_timeout": limit, **experimental}


def _is_server(entry: JsonObject) -> bool:
    return any(key in entry and not isinstance(entry[key], dict) for key in ("type", "enabled"))


def _server(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    result = {key: value for key, value in entry.items() if key not in ("disabled", "codemode")}
    if "disabled" in entry:
        result.setdefault("enabled", entry["disabled"] is not True)
    if isinstance(times := entry.get("timeout"), dict):
        del result["timeout"]
        if (limit := _one_limit(times)) is not None:
            result["timeout"] = limit
    return result


def _one_limit(times: Any) -> Any:
    """Return the time that counts for lists and calls, where it is one; version 1 has one for all."""
    if "startup" in times or "catalog" not in times or times["catalog"] != times.get("execution"):
        return None
    return times["catalog"]
