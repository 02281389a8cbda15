"""The configuration that clients change: a file of the server's own, which counts more than the set-up."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from opencode.errors import BadRequest, SettingsError, Unavailable
from opencode.schema.base import JsonObject

from . import variables
from .file import parse_config
from .http_url import is_http_url

SAVED = "config.json"
"""The file's name in the data directory. It has the form of opencode.json; nothing in it is filled in."""

MAX_BYTES = 1024 * 1024

_KEYS = ("model", "small_model", "default_agent", "provider", "disabled_providers")
_PROVIDER_KEYS = ("name", "npm", "options", "models")
_OPTION_KEYS = ("baseURL", "headers", "timeout", "headerTimeout", "chunkTimeout")


def data_directory(env: Mapping[str, str]) -> Path:
    """Return OPENCODE_DATA_DIR; else `/data`, a Space's persistent disk, if writable, else `data`."""
    usual = "/data" if os.access("/data", os.W_OK) else "data"
    return Path(variables.DATA_DIR.read(env) or usual).expanduser().absolute()


def read_saved(path: Path) -> JsonObject:
    """Return what was saved, {} if nothing was; raises SettingsError if the file can't be used."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        saved = msgspec.json.decode(content, type=JsonObject) if content else {}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a JSON object"
        raise SettingsError(f"{path} can't be read: {reason}. Repair it, or delete it.") from None
    parse_config(saved, str(path))
    return saved


def write_saved(path: Path, saved: JsonObject) -> None:
    """Replace the file, readable by the server's user only; raises Unavailable if it can't be written."""
    content = msgspec.json.format(msgspec.json.encode(saved))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".config-")  # its mode is 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Unavailable(
            f"The configuration can't be written to {path}: {error.strerror}. Try again later."
        ) from None


def changed(saved: JsonObject, changes: JsonObject) -> JsonObject:
    """Return what is saved with changes; objects are merged, null removes what was saved.

    Raises BadRequest for what clients can't change.
    """
    _check(changes)
    result = _merged(saved, changes)
    try:
        parse_config(result, "The configuration")
    except SettingsError as error:
        raise BadRequest(error.message) from None
    if len(msgspec.json.encode(result)) > MAX_BYTES:
        raise BadRequest(f"The configuration would be larger than {MAX_BYTES // 1024} KB: save less.")
    return result


def check_references(changes: JsonObject) -> None:
    """Raise BadRequest for `{env:…}` and `{file:…}`: a client could have them sent anywhere."""
    if any("{env:" in text or "{file:" in text for text in _texts(changes)):
        raise BadRequest(
            "{env:…} and {file:…} are filled in in opencode.json only: send the value itself, or write it "
            "there."
        )


def _merged(saved: JsonObject, changes: JsonObject) -> JsonObject:
    """Return a JSON merge patch (RFC 7396) applied."""
    result = dict(saved)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def _check(changes: JsonObject) -> None:
    """Raise BadRequest for keys that would run programs, open files or read variables, and for wrong ones."""
    for key in changes:
        if key not in (*_KEYS, "$schema"):
            raise BadRequest(
                f"{key} can't be changed here, only {', '.join(_KEYS)}: write it to opencode.json, which is "
                "read again when it changes."
            )
    providers = changes.get("provider") or {}
    for provider_id, entry in providers.items() if isinstance(providers, dict) else ():
        if isinstance(entry, dict):
            _check_provider(f"provider.{provider_id}", entry)


def _check_provider(path: str, entry: JsonObject) -> None:
    _only(path, entry, _PROVIDER_KEYS)
    if isinstance(options := entry.get("options"), dict):
        _only(f"{path}.options", options, _OPTION_KEYS)
        url = options.get("baseURL")
        if url is not None and not (isinstance(url, str) and is_http_url(url) and "@" not in url):
            raise BadRequest(
                f"{path}.options.baseURL must be an address such as https://host/v1 or "
                "http://localhost:11434/v1, without a login."
            )


def _only(path: str, entry: JsonObject, known: tuple[str, ...]) -> None:
    for key in entry:
        if key not in known:
            raise BadRequest(f"{path}.{key} can't be changed here, only {', '.join(known)}.")


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, the keys of objects included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
