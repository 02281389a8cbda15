"""Parameters that a provider refused and that a request can do without.

Servers differ in what they know, and no table knows them all. A refusal that names a parameter is answered by
one more request without it (or with what the refusal names in its place), and the model's later requests
begin that way. Pure functions over request bodies, and a memory of what was refused.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from opencode.errors import ModelAPIError
from opencode.schema.base import JsonObject

MAX_MODELS = 256
"""Models whose refusals are remembered; the one asked longest ago is forgotten first."""
MAX_CORRECTIONS = 16
"""Refusals that are remembered for one model."""

_STATUSES = frozenset({400, 422})
_ESSENTIAL = frozenset({"model", "messages", "input", "stream", "tools", "system", "instructions"})
_REPLACED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_NEEDED = {"messages": frozenset({"max_tokens"})}
"""What a wire can't do without, by the last word of its path."""
_WITHIN = frozenset(
    {
        "cache_control",
        "eager_input_streaming",
        "extra_content",
        "phase",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "strict",
        "ttl",
    }
)
"""Fields of messages, content and tools that can be left out wherever they stand."""
_OPAQUE = frozenset({"parameters", "input_schema", "input", "arguments"})
"""Fields of tools and calls whose content is the tool's: it is not looked into."""
_REFUSAL = re.compile(
    r"unsupported|not supported|n['o]t support|unknown|unrecogni[sz]ed|unexpected"
    r"|extra[_ ](inputs?|fields?|forbidden)"
    r"|not permitted|not allowed|no longer|deprecated|additional propert|isn't supported|not valid for"
    r"|(in|not )compatible with|invalid (parameter|argument|field|property)|must be verified"
    r"|no such (parameter|field)|cannot specify both|mutually exclusive",
    re.IGNORECASE,
)
_OF_A_VALUE = re.compile(r"unsupported[_ ]value|invalid[_ ]value|value[^.]{0,80}not supported", re.IGNORECASE)
_WANTED = re.compile(r"must be passed|is required|required field|missing|field required", re.IGNORECASE)


class Correction(msgspec.Struct, frozen=True):
    """How a body is changed: `path` leads to the field. `everywhere`: it is left out wherever it stands.

    `name`: the field takes this name instead. `value`: only this value of the field is refused.
    """

    path: tuple[str, ...]
    everywhere: bool = False
    name: str = ""
    value: Any = None

    def __str__(self) -> str:
        return ".".join(self.path)


class RefusedParameters:
    """Remembers what was refused, by model, in memory and bounded."""

    def __init__(self) -> None:
        self._by_model: OrderedDict[str, list[Correction]] = OrderedDict()

    def corrected(self, body: JsonObject) -> JsonObject:
        """Return a body without what its model refused before."""
        for correction in self._by_model.get(body["model"], ()):
            body = corrected(body, correction)
        return body

    def note(self, corrections: list[Correction], body: JsonObject) -> None:
        """Remember the corrections after which the model of a body answered."""
        if not corrections:
            return
        model = body["model"]
        known = self._by_model.setdefault(model, [])
        self._by_model.move_to_end(model)
        known += [correction for correction in corrections if correction not in known]
        del known[:-MAX_CORRECTIONS]
        while len(self._by_model) > MAX_MODELS:
            self._by_model.popitem(last=False)


def correction_for(
    error: ModelAPIError, body: JsonObject, path: str, tried: Iterable[Correction] = ()
) -> Correction | None:
    """Return the change that answers a refusal of `body`; None if it names nothing that can be done without.

    `path`: what the request was posted to. `tried`: changes that were made for this request before.
    """
    said = f"{error.message}\n{error.body or ''}"
    if error.status not in _STATUSES or not _REFUSAL.search(said) or _WANTED.search(error.message):
        return None
    refused = {correction.path[0] for correction in tried}
    param = _param(error.body)
    needed = _NEEDED.get(path.rpartition("/")[2], frozenset())
    candidates = [
        *((place, False) for place in _fields(body, needed)),
        *(((name,), True) for name in sorted(_present(body) & _WITHIN)),
    ]
    # The longest first: a text that names `reasoning.summary` names `reasoning`, too.
    candidates.sort(key=lambda item: -len(".".join(item[0])))
    for is_named in (_is_named, _is_mentioned):
        for place, everywhere in candidates:
            if not is_named(place, everywhere, param, said):
                continue
            other = "" if everywhere or len(place) > 1 else _REPLACED.get(place[0], "")
            if other and other not in body and other not in refused:
                return Correction(place, name=other)
            value = _at(body, place) if not everywhere and _OF_A_VALUE.search(said) else None
            return Correction(place, everywhere, value=value)
    return None


def corrected(body: JsonObject, correction: Correction) -> JsonObject:
    """Return `body`, which stays as it is, with a change made."""
    first, *rest = correction.path
    if correction.everywhere:
        return {key: _without(value, first) if key in _ESSENTIAL else value for key, value in body.items()}
    if first not in body:
        return body
    if rest:
        inner = body[first]
        if isinstance(inner, dict):
            inner = corrected(inner, Correction(tuple(rest), value=correction.value))
        return {key: value for key, value in {**body, first: inner}.items() if key != first or value}
    if correction.value is not None and body[first] != correction.value:
        return body
    changed = {key: value for key, value in body.items() if key != first}
    if correction.name and correction.name not in changed:
        changed[correction.name] = body[first]
    return changed


def _fields(body: JsonObject, needed: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """Yield the places of the fields that a body can do without."""
    for key, value in body.items():
        if key in _ESSENTIAL or key in needed:
            continue
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, inner) for inner in value)


def _is_named(place: tuple[str, ...], everywhere: bool, param: str, said: str) -> bool:
    """Return whether a refusal names a field: as its `param`, in quotes, or at the end of a path."""
    dotted = re.escape(place[-1] if everywhere else ".".join(place))
    word = re.escape(place[0])
    return bool(
        re.search(rf"(^|[.\]\[]){dotted}$", param)
        or re.search(rf"['\"`]([\w\[\].]*\.)?{dotted}['\"`]", _words(said))
        or re.search(rf"(^|[\s.(]){dotted}(: |$)", said, re.MULTILINE)
        or re.search(rf"(parameter|argument supplied|argument|field|property|key)s?:? {word}\b", said, re.I)
    )


def _is_mentioned(place: tuple[str, ...], everywhere: bool, param: str, said: str) -> bool:
    """Return whether a refusal has a name in it that is no word of English: it has an underscore."""
    return "_" in place[-1] and bool(re.search(rf"(?<!\w){re.escape(place[-1])}(?!\w)", said))


def _words(said: str) -> str:
    """Return a refusal without the JSON that says what its parts are: `"type": "…"`, `"param": "…"`."""
    return re.sub(r"\\?\"(\w+)\\?\"\s*:", r"\1:", said).replace('\\"', '"')


def _param(body: str | None) -> str:
    """Return the parameter that an error's JSON names, "" if it names none.

    OpenAI's `param`; the `loc` of servers that check with Pydantic, `["body", "stream_options"]`.
    """
    if match := re.search(r"\"param\"\s*:\s*\"([^\"]+)\"", body or ""):
        return match[1]
    if match := re.search(r"\\?\"loc\\?\"\s*:\s*[\[(]([^\])]*)[\])]", body or ""):
        return ".".join(re.findall(r"[\w-]+", match[1]))
    return ""


def _at(body: JsonObject, place: tuple[str, ...]) -> Any:
    value: Any = body
    for key in place:
        value = value[key]
    return value


def _present(value: Any) -> set[str]:
    """Return the names of all fields within the essential ones."""
    names: set[str] = set()
    waiting: list[Any] = [value[key] for key in _ESSENTIAL if key in value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            names.update(item)
            waiting += [inner for key, inner in item.items() if key not in _OPAQUE]
        elif isinstance(item, list | tuple):
            waiting += item
    return names


def _without(value: Any, name: str) -> Any:
    """Return a value without the fields of a name; schemas and the input of calls are not looked into."""
    if isinstance(value, dict):
        return {
            key: inner if key in _OPAQUE else _without(inner, name)
            for key, inner in value.items()
            if key != name
        }
    if isinstance(value, list | tuple):
        return [_without(inner, name) for inner in value]
    return value
