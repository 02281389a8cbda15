"""Reverted messages: neither shown nor copied, as in opencode, until they are restored."""

from msgspec import structs

from opencode.schema.message import MessageWithParts
from opencode.schema.session import Session


def without_reverted(session: Session, messages: list[MessageWithParts]) -> list[MessageWithParts]:
    """Return the messages before the session's revert point; of one reverted in part, its first parts."""
    revert = session.revert
    if not revert:
        return messages
    visible = [message for message in messages if message.info.id < revert.message_id]
    last = next((message for message in messages if message.info.id == revert.message_id), None)
    if last is not None and revert.part_id:
        parts = [part for part in last.parts if part.id < revert.part_id]
        visible.append(structs.replace(last, parts=parts))
    return visible


def is_reverted(session: Session, message_id: str, part_id: str) -> bool:
    """Return whether a part is at or after the session's revert point."""
    revert = session.revert
    if not revert or message_id < revert.message_id:
        return False
    return message_id > revert.message_id or not revert.part_id or part_id >= revert.part_id
