"""The tool calls of one Chat Completions answer, put together from deltas as servers send them.

Indexes and ids are missing, repeated or the same for all calls on one server or another; so the names and the
inputs tell whether a delta goes on with a call, begins another or repeats one.
"""

from typing import Any

import msgspec

from opencode.schema.base import JsonObject

from ..base import ToolCallEnd, ToolCallStart
from ..wire.batch import EventBatch
from ..wire.call_ids import CallIds
from ..wire.payload import encode_json
from .chunk import CallDelta, Function

_LITTLE = 64
"""Characters of an input up to which any piece may be all of it; later ones only if they look like it."""


class _Call(msgspec.Struct):
    """A call so far. `given_id`: the server's id; `id`: its own, for ToolCallStart. `size`: of `pieces`."""

    id: str
    given_id: str
    name: str = ""
    started: bool = False
    pieces: list[str] = []
    size: int = 0
    metadata: JsonObject = {}


class Calls:
    """Reads the call deltas of an answer. `names`: of the tools that the model may call."""

    def __init__(self, batch: EventBatch, names: frozenset[str]) -> None:
        self._batch = batch
        self._names = names
        self._ids = CallIds()
        self._calls: list[_Call] = []
        self._by_index: dict[int | None, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def complete(self) -> bool:
        """Whether every call has a name and its whole input."""
        return all(call.name and _value(_whole_input(call.pieces)) is not _INVALID for call in self._calls)

    def read(self, delta: CallDelta) -> None:
        """Read a delta of a call."""
        function = delta.function
        if function is not None and not function.name and delta.extra_content is None:
            call = self._by_index.get(delta.index)
            text = function.arguments
            if call is not None and call.started and isinstance(text, str):
                self._go_on(call, text)  # nearly all deltas
                return
        self._read_any(delta, function or Function())

    def _go_on(self, call: _Call, text: str) -> None:
        if text:
            call.pieces.append(text)
            call.size += len(text)
            self._batch.tool_input(call.id, text)

    def _read_any(self, delta: CallDelta, function: Function) -> None:
        name = function.name or delta.name or ""
        arguments = delta.arguments if function.arguments is None else function.arguments
        text = arguments if isinstance(arguments, str) else _json(arguments)
        given_id = str(delta.id) if isinstance(delta.id, str | int) else ""
        call = self._known(delta.index, given_id, name, text)
        if call is None:
            if not (name or text or given_id):
                return
            call = self._begin(delta.index, given_id)
        if isinstance(delta.extra_content, dict):
            call.metadata = {"extra_content": delta.extra_content}
        if name and not call.started:
            self._name(call, name)
        if text and not (name and _is_repeat(call, text)):
            if call.started:
                self._go_on(call, text)
                return
            call.pieces.append(text)
            call.size += len(text)
            if call.name:
                self._start(call)

    def finish(self) -> None:
        """End all calls."""
        for call in self._calls:
            if not call.started:
                self._start(call)
            self._batch.add(ToolCallEnd(call.id, _whole_input(call.pieces), call.metadata))

    def _known(self, index: int | None, given_id: str, name: str, text: str) -> _Call | None:
        """Return the call that a delta belongs to; None if it begins another."""
        call: _Call | None
        if index is not None and index in self._by_index:
            call = self._by_index[index]
        elif given_id in self._by_id:
            call = self._by_id[given_id]
            if index is not None and name:  # the same id again, for the call at another index
                return None
        else:
            call = self._calls[-1] if self._calls and index is None else None
        if call is None or not name:
            return call
        if given_id and call.given_id and given_id != call.given_id:
            return None
        return call if self._goes_on(call, name, text) else None

    def _goes_on(self, call: _Call, name: str, text: str) -> bool:
        """Return whether a delta with a name is of this call: the name, more of it, or a repetition."""
        if not call.name:
            return True
        if name != call.name:
            may_grow = not call.started and not call.pieces
            return may_grow and (name not in self._names or name.startswith(call.name))
        if not _may_be_whole(call, text) or _value(text) is _INVALID:
            return True
        before = _value("".join(call.pieces))
        return before is _INVALID or before == {} or _is_repeat(call, text)

    def _begin(self, index: int | None, given_id: str) -> _Call:
        call = _Call(self._ids.new(given_id), given_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        if given_id:
            self._by_id[given_id] = call
        return call

    def _name(self, call: _Call, name: str) -> None:
        """Note a name, or more of it. The call starts once the name is a tool's, or the input begins."""
        repeated = name == call.name
        call.name = name if repeated or name.startswith(call.name) else call.name + name
        longer = any(known != call.name and known.startswith(call.name) for known in self._names)
        if call.pieces or (call.name in self._names and not longer):
            self._start(call)

    def _start(self, call: _Call) -> None:
        call.started = True
        self._batch.add(ToolCallStart(call.id, call.name))
        if call.pieces:
            self._batch.tool_input(call.id, "".join(call.pieces))


_INVALID: Any = object()
"""Stands for the value of what is not valid JSON."""


def _value(text: str) -> Any:
    """Return the value of an input, {} for none, or _INVALID."""
    try:
        return msgspec.json.decode(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return _INVALID


def _json(arguments: Any) -> str:
    """Return an input that came as JSON and not as text, as text."""
    return "" if arguments is None else encode_json(arguments).decode()


def _may_be_whole(call: _Call, text: str) -> bool:
    """Return whether a piece may be a whole input, by its first character or because there is little yet."""
    return bool(text.strip()) and (text.lstrip()[0] == "{" or call.size <= _LITTLE)


def _is_repeat(call: _Call, text: str) -> bool:
    """Return whether a text is the whole of a call's input again."""
    if not call.pieces or not _may_be_whole(call, text):
        return False
    value = _value(text)
    return value is not _INVALID and value == _value("".join(call.pieces))


def _whole_input(pieces: list[str]) -> str:
    """Return a call's input. The last piece may be all of it: repeated at the end, or each piece had more."""
    whole = "".join(pieces)
    if len(pieces) < 2 or _value(whole) is not _INVALID:
        return whole
    last, before = pieces[-1], "".join(pieces[:-1])
    value, earlier = _value(last), _value(before)
    is_repeat = last.startswith(before) or earlier in ({}, value)
    if isinstance(value, dict) and (is_repeat or all(map(str.startswith, pieces[1:], pieces))):
        return last
    return whole
