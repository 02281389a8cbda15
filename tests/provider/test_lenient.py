"""What does not fit a type costs its field and nothing else."""

from typing import Any

import msgspec
import pytest

from opencode.provider.wire.lenient import lenient


class Inner(msgspec.Struct):
    name: str
    count: int | None = None


class Outer(msgspec.Struct):
    text: str = "default"
    count: int = 3
    flag: bool = False
    inner: Inner | None = None
    items: list[Inner] | None = None
    anything: Any = None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, Outer()),
        ({"text": "a", "count": 9}, Outer(text="a", count=9)),
        ({"text": None, "count": None, "inner": None, "items": None}, Outer()),
        ({"text": 7, "count": "many", "flag": "yes"}, Outer()),
        ({"count": 9.0}, Outer(count=9)),
        ({"count": 7.5}, Outer(count=8)),
        ({"count": "12"}, Outer(count=12)),
        ({"count": True}, Outer()),
        ({"count": 1e400}, Outer()),
        ({"inner": "a name"}, Outer()),
        ({"inner": {"count": 1}}, Outer()),
        ({"inner": {"name": "a", "count": {}}}, Outer(inner=Inner("a"))),
        ({"items": [None, 1, {"name": "a"}, {"name": 2}]}, Outer(items=[Inner("a")])),
        ({"items": {"name": "a"}}, Outer(items=[Inner("a")])),
        ({"items": 7.5}, Outer(items=[])),
        ({"anything": {"deep": [1, None]}}, Outer(anything={"deep": [1, None]})),
        ({"unknown": {}}, Outer()),
    ],
)
def test_a_field_that_does_not_fit_takes_its_default(written: dict[str, Any], read: Outer) -> None:
    assert (
        lenient(msgspec.json.encode(written) if 1e400 not in written.values() else b'{"count": 1e400}', Outer)
        == read
    )


def test_invalid_characters_are_replaced() -> None:
    assert lenient(b'{"text": "\xff\\ud83d!"}', Outer).text == "\ufffd\ufffd!"


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"7.5", b"{", b'"text"'])
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):
        lenient(payload, Outer)
