"""Calls and their results as a server takes them, over a whole conversation.

Providers number calls in their own ways, some anew in each answer. A conversation that goes on with another
provider, or with the same one, needs ids that the server accepts, each once, and a result for every call.
"""

import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import structs

from .base import AssistantTurn, Attachment, Reasoning, Text, ToolCall, ToolOutput, UserTurn
from .quirks import Quirks
from .wire.payload import encode_json

LONGEST_ID = 64
"""What Chat Completions and Responses accept at most."""
LONGEST_NAME = 64
NO_RESULT = "The call was interrupted before it returned a result."
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{LONGEST_NAME}}}")

Turn = UserTurn | AssistantTurn
_Named = TypeVar("_Named", ToolCall, ToolOutput)


def paired(turns: Iterable[Turn], quirks: Quirks) -> list[Turn]:
    """Return the conversation with ids that the server takes, each call with its result right after it.

    Ids that fit stay as they are. Others are derived from the id and how often it occurred before, so that
    the beginning of a conversation is the same in each request and stays cached. A call without a result
    gets one that says so; a result without a call becomes text. Answers of reasoning alone are left out:
    every API refuses them. Turns alternate.
    """
    ids = _Ids(quirks)
    settled: list[Turn] = []
    open_calls: list[ToolCall] = []
    waiting: dict[str, deque[str]] = {}
    for turn in turns:
        if isinstance(turn, UserTurn):
            _add(settled, UserTurn(tuple(_answered(turn, open_calls, waiting))))
            open_calls, waiting = [], {}
            continue
        if not any(_counts(item) for item in turn.content):
            continue
        if open_calls:
            _add(settled, UserTurn(tuple(_answered(UserTurn(()), open_calls, waiting))))
        waiting = defaultdict(deque)
        content: list[Text | Reasoning | ToolCall] = []
        open_calls = []
        for item in turn.content:
            if isinstance(item, ToolCall):
                call = _renamed(item, ids.new(item.call_id))
                waiting[item.call_id].append(call.call_id)
                open_calls.append(call)
                content.append(call)
            else:
                content.append(item)
        _add(settled, AssistantTurn(tuple(content)))
    if open_calls:
        _add(settled, UserTurn(tuple(_answered(UserTurn(()), open_calls, waiting))))
    return settled


def told(turns: Iterable[Turn]) -> list[Turn]:
    """Return the conversation with its calls and results as text, for servers that know no tools."""
    texts: list[Turn] = []
    for turn in turns:
        if isinstance(turn, AssistantTurn):
            said = (
                Text(f"[Called the tool {item.name} with {encode_json(item.input).decode()}]")
                if isinstance(item, ToolCall)
                else item
                for item in turn.content
            )
            texts.append(AssistantTurn(tuple(said)))
        else:
            heard: list[Text | Attachment | ToolOutput] = []
            for part in turn.content:
                heard += _as_text(part) if isinstance(part, ToolOutput) else [part]
            texts.append(UserTurn(tuple(heard)))
    return texts


def is_of_server_tool(item: Reasoning) -> bool:
    """Return whether an item is not reasoning but what a tool of the provider's own did."""
    kept = [value for value in item.metadata.values() if isinstance(value, dict)]
    return any("block" in value or "item" in value for value in kept)


def tool_name(name: str) -> str:
    """Return a tool's name in the characters that all APIs accept: a model may have invented it."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:LONGEST_NAME] or "unknown"


def _answered(
    turn: UserTurn, calls: list[ToolCall], waiting: dict[str, deque[str]]
) -> Iterator[Text | Attachment | ToolOutput]:
    """Yield the results, in the order of their calls, then the rest of the turn."""
    results: dict[str, ToolOutput] = {}
    rest: list[Text | Attachment] = []
    for item in turn.content:
        if not isinstance(item, ToolOutput):
            rest.append(item)
        elif queue := waiting.get(item.call_id):
            call_id = queue.popleft()
            results[call_id] = _renamed(item, call_id)
        else:
            rest += _as_text(item)
    for call in calls:
        yield results.get(call.call_id) or ToolOutput(call.call_id, call.name, NO_RESULT, is_error=True)
    yield from rest


def _renamed(item: _Named, call_id: str) -> _Named:
    """Return a call or a result with another id, and its tool's name in accepted characters."""
    name = item.name if _NAME.fullmatch(item.name) else tool_name(item.name)
    if (name, call_id) == (item.name, item.call_id):
        return item
    return structs.replace(item, call_id=call_id, name=name)


def _as_text(output: ToolOutput) -> list[Text | Attachment]:
    return [Text(f"Result of the tool {output.name}:\n{output.output}"), *output.attachments]


def _counts(item: Text | Reasoning | ToolCall) -> bool:
    """Return whether an item makes an answer more than reasoning and blanks."""
    if isinstance(item, Text):
        return bool(item.text.strip())
    return isinstance(item, ToolCall) or is_of_server_tool(item)


def _add(turns: list[Turn], turn: Turn) -> None:
    """Append a turn; one of the same side as the last continues that one."""
    if turns and type(turns[-1]) is type(turn):
        turns[-1] = structs.replace(turns[-1], content=(*turns[-1].content, *turn.content))
    else:
        turns.append(turn)


class _Ids:
    def __init__(self, quirks: Quirks) -> None:
        self._length = quirks.call_id_length
        self._marks = quirks.call_id_marks
        count = f"{{{self._length}}}" if self._length else f"{{1,{LONGEST_ID}}}"
        self._fits = re.compile(f"[a-zA-Z0-9{'_-' if self._marks else ''}]{count}")
        self._taken: set[str] = set()

    def new(self, given: str) -> str:
        """Return an id for a call that its provider gave the id `given`."""
        call_id = given
        if self._fits.fullmatch(given) and given not in self._taken:
            self._taken.add(given)
            return given
        if not self._length:
            call_id = re.sub(r"[^a-zA-Z0-9_-]", "_" if self._marks else "", given)
        occurrence = 0
        while call_id in self._taken or not self._fits.fullmatch(call_id):
            call_id = _derived(f"{given} {occurrence}", self._length or 24)
            occurrence += 1
        self._taken.add(call_id)
        return call_id


def _derived(text: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)
