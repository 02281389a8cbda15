"""What the page calls sessions: by their title, or by the first words of one that has none yet.

The API goes on to say opencode's own title.
"""

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from opencode.errors import NotFound
from opencode.schema.message import MessageWithParts
from opencode.schema.part import FilePart, SubtaskPart, TextPart
from opencode.schema.session import Session
from opencode.session.reverted import is_reverted
from opencode.session.services import Services
from opencode.session.sessions import DEFAULT_TITLE

UNNAMED = "New chat"

LONGEST = 60
"""Characters of first words."""

KEPT = 2_000
"""Sessions whose first words are kept in memory."""

_first_words: OrderedDict[str, tuple[int, str]] = OrderedDict()
"""By session id: when the session was last changed as its messages were read (Unix ms), and the words."""


def is_untitled(session: Session) -> bool:
    """Return whether a session has the title that it was created with."""
    return session.title.startswith(DEFAULT_TITLE)


def is_pinned(session: Session) -> bool:
    """Return whether a session is pinned to the top of the list."""
    return bool(session.metadata and session.metadata.get("pinned"))


def name(session: Session) -> str:
    """Return what the page calls a session. `learn` comes first."""
    if not is_untitled(session):
        return session.title
    return _first_words.get(session.id, (0, ""))[1] or UNNAMED


async def learn(services: Services, sessions: Iterable[Session]) -> None:
    """Read the first words of untitled sessions that have changed since they were last read."""
    for session in sessions:
        if not is_untitled(session) or _first_words.get(session.id, (0, ""))[0] == session.time.updated:
            continue
        words = ""
        with suppress(NotFound):  # it was deleted meanwhile
            words = await _read(services, session)
        _first_words[session.id] = (session.time.updated, words)
        _first_words.move_to_end(session.id)
        if len(_first_words) > KEPT:
            _first_words.popitem(last=False)


async def _read(services: Services, session: Session) -> str:
    first = await services.store.message_ids(session.id, "", 1)
    if not first or is_reverted(session, first[0], ""):
        return ""
    return first_words(await services.sessions.message(session.id, first[0], outlines=True))


def first_words(message: MessageWithParts) -> str:
    """Return the first words of a message on one line, or the name of its file if it has no words."""
    texts = [
        part.prompt if isinstance(part, SubtaskPart) else part.text
        for part in message.parts
        if isinstance(part, SubtaskPart) or (isinstance(part, TextPart) and part.synthetic is not True)
    ]
    files = [part.filename or part.mime for part in message.parts if isinstance(part, FilePart)]
    line = " ".join(" ".join([*texts, *([] if any(texts) else files)])[: 20 * LONGEST].split())
    if len(line) <= LONGEST:
        return line
    return (line[:LONGEST].rpartition(" ")[0] or line[:LONGEST]).rstrip(" ,.;:") + "…"
