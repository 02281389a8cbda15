"""Content that is not simply more text: in parts, or whole messages instead of deltas."""

from typing import Any

from msgspec import structs

from .chunk import Delta

_MOST_NESTED = 4


def pieces_of(
    content: Any, *, is_reasoning: bool = False, depth: int = _MOST_NESTED
) -> list[tuple[bool, str]]:
    """Return content's texts in order, each with whether it is reasoning.

    Forms: a text, a part or a list of parts `{"type", "text"}`, Mistral's `{"thinking": [{"text"}]}`.
    """
    if isinstance(content, str):
        return [(is_reasoning, content)] if content else []
    if isinstance(content, list) and depth:
        return [
            piece for part in content for piece in pieces_of(part, is_reasoning=is_reasoning, depth=depth - 1)
        ]
    if not isinstance(content, dict) or not depth:
        return []
    kind = str(content.get("type"))
    thought = is_reasoning or kind.startswith(("thinking", "reasoning"))
    pieces = pieces_of(content.get("thinking"), is_reasoning=True, depth=depth - 1)
    for field in ("text", "content", "summary", "reasoning"):
        said = content.get(field)
        if said:
            return pieces + pieces_of(said, is_reasoning=thought or field == "reasoning", depth=depth - 1)
    return pieces


class Messages:
    """Messages that come instead of deltas: each may be one more piece, or have all that was said so far.

    `have_calls`: one of them had tool calls.
    """

    def __init__(self) -> None:
        self.have_calls = False
        self._texts = {True: "", False: ""}

    def news(self, message: Delta, said: set[bool], *, has_calls: bool) -> Delta:
        """Return what a message adds to what was said: reasoning (True in `said`) and text (False).

        `has_calls`: deltas had tool calls, so that those of a message repeat them.
        """
        new = {True: "", False: ""}
        reasoning = message.reasoning_content or message.reasoning
        for is_reasoning, text in (*pieces_of(reasoning, is_reasoning=True), *pieces_of(message.content)):
            new[is_reasoning] += text
        for kind, text in new.items():
            before = self._texts[kind]
            if kind in said and not before:
                new[kind] = ""  # deltas have said it
                continue
            if before and text.startswith(before):
                new[kind] = text[len(before) :]
            self._texts[kind] = before + new[kind]
        calls = None if has_calls else message.tool_calls
        for number, call in enumerate(calls or ()):
            if call.index is None:
                call.index = number
        self.have_calls = self.have_calls or bool(calls)
        return structs.replace(
            message,
            content=new[False],
            reasoning_content=new[True],
            reasoning=None,
            tool_calls=calls,
            function_call=None if has_calls else message.function_call,
        )
