"""An output item of a Responses answer."""

from typing import Any

from opencode.schema.base import JsonObject

from ..wire.citations import Citations
from ..wire.streamed_calls import StreamedCall
from .events import Content, Item


class OutputItem:
    """An item that is being written, or was. `said`: it has text to see. `before`: see BlockEnd.

    `takes`: the type of the events that only add to its text as it stands. `texts`: its whole texts by
    number, `arguments`: its whole input, as events beside the item have them. `section`: the part that a
    reasoning's last piece was of. `was_added`: it did not begin with a delta. `kept`: its
    encrypted form was seen.
    """

    def __init__(self, index: int | None, item: Item) -> None:
        self.index = index
        self.item = item
        self.open = True
        self.said = False
        self.was_added = True
        self.takes = ""
        self.section: int | None = None
        self.kept = False
        self.call: StreamedCall | None = None
        self.texts: dict[int, str] = {}
        self.arguments: Any = None
        self.citations = Citations()
        self.before: list[JsonObject] = []

    def is_same(self, item: Item) -> bool:
        """Return whether it is this item by its id, or as a call by the call's id if there is no other."""
        mine = self.item
        if mine.id and item.id:
            return bool(mine.id == item.id) and not self.is_other(item)
        return bool(mine.call_id and mine.call_id == item.call_id)

    def is_other(self, item: Item) -> bool:
        """Return whether it is another item although it has the same index."""
        mine = self.item
        return bool(mine.call_id and item.call_id and mine.call_id != item.call_id)

    def metadata(self, own: JsonObject) -> JsonObject:
        """Return its BlockEnd's metadata. `own`: what it alone has."""
        extra = {"citations": self.citations.take(), "before": self.before}
        return {**own, **{key: value for key, value in extra.items() if value}}

    def message_metadata(self, done: Item) -> JsonObject:
        """Return the metadata of a message that is done."""
        item_id, phase = done.id or self.item.id, done.phase or self.item.phase
        kept = {"itemId": item_id if isinstance(item_id, str) else None, "phase": phase}
        kept = {key: value for key, value in kept.items() if value}
        return self.metadata({"openai": kept} if kept else {})


def text_of(content: list[Content] | None) -> str:
    """Return the text of a message's parts, or the refusal in their place."""
    return "".join(part.text or part.refusal for part in content or ())


def paragraphs_of(content: list[Content] | None) -> str:
    """Return the text of a reasoning's parts, each a paragraph."""
    return "\n\n".join(part.text for part in content or () if part.text)
