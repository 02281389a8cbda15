"""Find misspelled fields in request bodies: unknown ones that are close to a known one.

Other unknown fields are ignored, for opencode's clients may send more than this server knows.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Union

import msgspec
from msgspec import UNSET, Raw, inspect

from opencode.schema.explain import member

CLOSE = 0.8
"""Similarity from which an unknown name is taken for a misspelled one; see difflib."""

MAX_BYTES = 1_000_000
MAX_LENGTH = 40
MAX_UNKNOWN = 50
"""Larger bodies, longer names and more unknown fields than this are not compared: it bounds the cost."""


class Fields:
    """The fields of a body type, at the top and in nested objects."""

    def __init__(self, kind: Any) -> None:
        self._info = inspect.type_info(kind)
        self._known_only = msgspec.json.Decoder(_known_only(self._info, {}))

    def are_known(self, data: bytes | bytearray) -> bool:
        """Return whether a valid body has known fields only; values are skipped, so it costs little.

        A body over MAX_BYTES, which carries files, is not looked at.
        """
        if len(data) > MAX_BYTES:
            return True
        try:
            self._known_only.decode(data)
        except msgspec.ValidationError:
            return False
        return True

    def misspelled(self, value: Any) -> str | None:
        """Return what to say of the first misspelled field of a decoded JSON body; None if there is none."""
        for count, (path, name, known) in enumerate(_unknown(self._info, value, "")):
            if count == MAX_UNKNOWN:
                break
            if len(name) <= MAX_LENGTH and (meant := _nearest(name, known)):
                return f"Unknown field {path}{name}: did you mean {path}{meant}?"
        return None


def _unknown(info: inspect.Type, value: Any, path: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each unknown field: the path before it, its name, and the known names there."""
    match member(info, value):
        case inspect.StructType() as struct if isinstance(value, dict):
            types = {field.encode_name: field.type for field in struct.fields}
            for name, item in value.items():
                if name in types:
                    yield from _unknown(types[name], item, f"{path}{name}.")
                elif name != struct.tag_field:
                    yield path, name, (*types, struct.tag_field) if struct.tag_field else tuple(types)
        case inspect.UnionType(types=options) if isinstance(value, dict):
            structs = (option for option in options if isinstance(option, inspect.StructType))
            tag_fields = tuple({struct.tag_field for struct in structs if struct.tag_field})
            for name in value:  # which member is meant is not known without its tag
                if name not in tag_fields:
                    yield path, name, tag_fields
        case inspect.ListType(item_type=item_type) if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _unknown(item_type, item, f"{path.removesuffix('.')}[{index}].")
        case inspect.DictType(value_type=value_type) if isinstance(value, dict):
            for name, item in value.items():
                yield from _unknown(value_type, item, f"{path}{name}.")


@lru_cache(maxsize=256)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    """Return the known name that an unknown one is close to; clients repeat their unknown names."""
    names = {_plain(other): other for other in known}
    close = get_close_matches(_plain(name), names, 1, CLOSE)
    return names[close[0]] if close else None


def _plain(name: str) -> str:
    """Return a name as it is compared: `session_id` is close to `sessionID`."""
    return name.lower().replace("_", "").replace("-", "")


def _known_only(info: inspect.Type, structs: dict[Any, Any]) -> Any:
    """Return a type that accepts the same objects, refuses unknown fields, and skips all other values."""
    match info:
        case inspect.Metadata(type=inner):
            return _known_only(inner, structs)
        case inspect.StructType():
            if info.cls not in structs:
                structs[info.cls] = msgspec.defstruct(
                    info.cls.__name__,
                    [(field.name, _known_only(field.type, structs), UNSET) for field in info.fields],
                    rename={field.name: field.encode_name for field in info.fields},
                    tag_field=info.tag_field,
                    tag=info.tag,
                    forbid_unknown_fields=True,
                )
            return structs[info.cls]
        case inspect.ListType(item_type=item) if _has_struct(item):
            return list[_known_only(item, structs)]  # type: ignore[misc]
        case inspect.DictType(value_type=item) if _has_struct(item):
            return dict[str, _known_only(item, structs)]  # type: ignore[misc]
        case inspect.UnionType(types=options) if _has_struct(info):
            members = (_PLAIN.get(type(each)) or _known_only(each, structs) for each in options)
            return Union[tuple(members)]  # noqa: UP007 - their number is not known
    return Raw


_PLAIN: dict[type, Any] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
    inspect.NoneType: type(None),
}
"""Raw can't be a member of a union."""


def _has_struct(info: inspect.Type) -> bool:
    match info:
        case inspect.Metadata(type=inner):
            return _has_struct(inner)
        case inspect.StructType():
            return True
        case inspect.ListType(item_type=item) | inspect.DictType(value_type=item):
            return _has_struct(item)
        case inspect.UnionType(types=options):
            return any(map(_has_struct, options))
    return False
