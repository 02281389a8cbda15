"""What is wrong with a value, in words: the field by its path, what was given, what is allowed, an example.

msgspec's own messages say where it is wrong, and nothing else of them reaches a client.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

SESSION_ID = "ses_df4138e47ffeqoHJuwQ2779I2I"
MESSAGE_ID = "msg_20bec7225002DFKnsFHfuB0wxp"
PART_ID = "prt_20bec72d5001l3bSsOUDtDUf0W"
"""Examples of ids."""

MAX_SHOWN = 80
"""Characters of a value, and of an example, that a message shows."""

_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MISSING_FIELD = re.compile(r"Object missing required field `(.+?)`")
_SECRET = re.compile(r"key|password|secret|token|authorization|headers|environment", re.IGNORECASE)
_EXAMPLES = {"^msg": MESSAGE_ID, "^prt": PART_ID, "^ses": SESSION_ID, "^https?": "https://example.com/"}

_ABSENT = object()

Step = str | int


def explain(
    error: msgspec.ValidationError,
    kind: Any,
    value: Any,
    examples: Iterable[Any] = (),
    whole: str = "The body",
    show: bool = True,
) -> str:
    """Return what is wrong with `value`, decoded JSON that is no `kind`.

    `examples`: values of that kind from which the example of the wrong field is taken. `whole`: the name of
    the value itself. `show`: whether the wrong value may be shown; it may be a secret.
    """
    steps = _steps(error, kind, value)
    info, sent = _locate(inspect.type_info(kind), value, steps)
    missing = _MISSING_FIELD.match(str(error))
    if missing:
        steps = [*steps, missing[1]]
        info, sent = _locate(inspect.type_info(kind), value, steps)
    name = _name(steps) or whole
    example = _example(info, steps, examples)
    such_as = f", such as {example}" if example else ""
    if missing or sent is _ABSENT:
        return f"{name} is missing: send {_allowed(info)}{such_as}."
    shown = _shown(sent) if show and not _SECRET.search(_name(steps)) else _kind_of(sent)
    known = "" if shown == "a string" and _is_string(info) else f", not {shown}"
    return f"{name} must be {_allowed(info)}{known}" + (f". Example: {example}." if example else ".")


def member(info: inspect.Type, value: Any) -> inspect.Type:
    """Return a type without its metadata; of a union, the member that a decoded JSON value is meant for."""
    if isinstance(info, inspect.Metadata):
        return member(info.type, value)
    if not isinstance(info, inspect.UnionType):
        return info
    structs = [option for option in info.types if isinstance(option, inspect.StructType)]
    if isinstance(value, dict):
        for option in structs:
            if option.tag_field is None or value.get(option.tag_field) == option.tag:
                return option
    for kind, plain in ((str, inspect.StrType), (list, inspect.ListType), (dict, inspect.DictType)):
        if isinstance(value, kind):
            return next((option for option in info.types if isinstance(option, plain)), info)
    return info


def not_json(error: Exception, data: bytes | bytearray) -> str:
    """Return why a body is no JSON."""
    if isinstance(error, UnicodeDecodeError):
        return "The body is not UTF-8 text: send a JSON object in UTF-8."
    if isinstance(error, RecursionError):
        return "The body is nested too deeply: send a flatter JSON object."
    reason = str(error).removeprefix("JSON is malformed: ")
    if reason == "Input data was truncated":
        # msgspec says so of a lone surrogate at the end of a string, too.
        lone = " or has half of a surrogate pair" if _SURROGATE.search(data) else ""
        reason = f"it ends too early{lone}"
    return f"The body is not valid JSON: {reason}."


def _steps(error: msgspec.ValidationError, kind: Any, value: Any) -> list[Step]:
    """Return the path to what is wrong. For a mapping msgspec says `[...]`: its key is looked for."""
    place = _place(error)
    steps: list[Step] = []
    for name, index, any_key in _STEP.findall(place):
        if not any_key:
            steps.append(name or int(index))
        elif (key := _wrong_key(kind, value, steps, place)) is not None:
            steps.append(key)
        else:
            break
    return steps


def _place(error: msgspec.ValidationError) -> str:
    place = _PLACE.search(str(error))
    return place[1] if place else ""


def _wrong_key(kind: Any, value: Any, steps: list[Step], place: str) -> str | None:
    """Return the first key of the mapping at `steps` whose value is wrong: the shortest prefix that fails."""
    mapping = value
    for step in steps:
        mapping = mapping[step]
    keys = list(mapping)
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        some = {key: mapping[key] for key in keys[: middle + 1]}
        try:
            msgspec.convert(_with(value, steps, some), kind, strict=True)
            is_wrong = False
        except msgspec.ValidationError as error:
            is_wrong = _place(error) == place
        low, high = (low, middle) if is_wrong else (middle + 1, high)
    return str(keys[low]) if low < len(keys) else None


def _with(value: Any, steps: list[Step], item: Any) -> Any:
    """Return a copy of `value` with `item` at `steps`, and without what is beside and after it in arrays."""
    if not steps:
        return item
    step, *rest = steps
    inner = _with(value[step], rest, item)
    if isinstance(step, int):
        return [*value[:step], inner]
    return {**value, step: inner}


def _locate(info: inspect.Type, value: Any, steps: list[Step]) -> tuple[inspect.Type, Any]:
    """Return the type that is expected at a path, and the value that is there."""
    for step in steps:
        union, info = info, member(info, value)
        match info:
            case inspect.StructType(fields=fields, tag_field=tag_field):
                types = {field.encode_name: field.type for field in fields}
                info = types.get(str(step)) or _tags(union, tag_field)
            case inspect.UnionType():
                info = _tags(info, str(step))
            case inspect.ListType(item_type=item) | inspect.DictType(value_type=item):
                info = item
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            value = _ABSENT
    return info, value


def _tags(info: inspect.Type, tag_field: str | None) -> inspect.Type:
    """Return the values that tell the members of a union apart as a type."""
    if isinstance(info, inspect.Metadata):
        return _tags(info.type, tag_field)
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    structs = [option for option in options if isinstance(option, inspect.StructType)]
    return inspect.LiteralType(tuple(struct.tag for struct in structs if struct.tag_field == tag_field))


def _name(steps: Iterable[Step]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _allowed(info: inspect.Type) -> str:
    """Return what a type allows, as in "an integer from 1 to 100"."""
    text = "a JSON object"
    match info:
        case inspect.Metadata(type=inner):
            text = _allowed(inner)
        case inspect.UnionType(types=options):
            if tags := [each.tag for each in options if isinstance(each, inspect.StructType) and each.tag]:
                text = f"an object with the type {_one_of(tags)}"
            else:
                text = " or ".join(map(_allowed, options))
        case inspect.LiteralType(values=values):
            text = _one_of(values)
        case inspect.EnumType(cls=cls):
            text = _one_of([each.value for each in cls])
        case inspect.StrType(pattern=str(pattern)):
            text = f"a string that matches {pattern}"
        case inspect.StrType(min_length=length):
            text = "a string that is not empty" if length else "a string"
        case inspect.BoolType():
            text = "true or false"
        case inspect.NoneType():
            text = "null"
        case inspect.IntType() | inspect.FloatType():
            noun = "an integer" if isinstance(info, inspect.IntType) else "a number"
            least = f" from {info.ge}" if info.ge is not None else ""
            most = f" to {info.le}" if info.le is not None else ""
            text = f"{noun}{least}{most}"
        case inspect.ListType(item_type=item):
            text = "an array of arrays" if isinstance(item, inspect.ListType) else "an array"
    return text


def _is_string(info: inspect.Type) -> bool:
    """Return whether a type has strings, so that "not a string" would say nothing."""
    match info:
        case inspect.Metadata(type=inner):
            return _is_string(inner)
        case inspect.UnionType(types=options):
            return any(map(_is_string, options))
        case inspect.LiteralType() | inspect.EnumType() | inspect.StrType():
            return True
    return False


def _one_of(values: Iterable[Any]) -> str:
    texts = [_json(value) for value in values]
    return texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}"


def _example(info: inspect.Type, steps: list[Step], examples: Iterable[Any]) -> str:
    """Return an example of a right value: one from the examples that fits, or one that is made up."""
    for example in examples:
        value = example
        try:
            for step in steps:
                value = value[0 if isinstance(step, int) else step]
        except (KeyError, IndexError, TypeError):
            continue
        if len(text := _json(value)) <= MAX_SHOWN:
            return text
    text = _json(_made_up(info))
    return text if len(text) <= MAX_SHOWN else ""


def _made_up(info: inspect.Type) -> Any:
    value: Any = {}
    match info:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, *_)):
            value = _made_up(inner)
        case inspect.LiteralType(values=(first, *_)):
            value = first
        case inspect.StrType(pattern=pattern):
            known = (text for start, text in _EXAMPLES.items() if (pattern or "").startswith(start))
            value = next(known, "text")
        case inspect.BoolType():
            value = True
        case inspect.IntType(ge=least) | inspect.FloatType(ge=least):
            value = max(1, least or 1)
        case inspect.ListType(item_type=item):
            value = [_made_up(item)]
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            value = {field.encode_name: _made_up(field.type) for field in fields if field.required}
            value = {tag_field: tag, **value} if tag_field else value
    return value


def _shown(value: Any) -> str:
    text = _json(value)
    if isinstance(value, dict | list) or len(text) > MAX_SHOWN:
        return _kind_of(value)
    return text


def _kind_of(value: Any) -> str:
    return _KINDS.get(type(value), "null")


_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    dict: "an object",
    list: "an array",
}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
