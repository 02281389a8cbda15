"""A database full of conversations, made fast: rows straight into the tables, many in one transaction.

As a program: `python -m bench.fill DIRECTORY [SESSIONS] [MESSAGES]`.
"""

import asyncio
import random
import re
import sys
import time
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from opencode import ids
from opencode.schema.message import (
    AssistantMessage,
    Message,
    MessagePath,
    MessageTime,
    ModelChoice,
    UserMessage,
)
from opencode.schema.part import CreatedTime, Part, StepFinishPart, StepStartPart, TextPart, TimeSpan, Tokens
from opencode.schema.session import Session, SessionTime
from opencode.store import tables
from opencode.store.database import Database
from opencode.store.dialects import SQLITE
from opencode.store.migrations import migrate
from opencode.store.rows import message_row, part_row, session_row

PROMPT_WORDS, ANSWER_WORDS = 20, 120
VOCABULARY = 20_000
SESSIONS_AT_ONCE = 50

SHARED = 20
"""How many sessions have the same phrase."""

_OPTIMIZE = tuple(
    f"INSERT INTO {index}({index}) VALUES('optimize')" for index in ("text_words", "text_runs", "title_runs")
)

_ONSETS, _VOWELS, _CODAS = (
    re.split(" ", letters)
    for letters in (
        "b c d f g h j l m n p r s t v w br ch cl cr dr fl fr gl gr kn pl pr qu sc sh sl sp st str th tr wh",
        "a e i o u a e i o ai au ea ee ie oa oo ou y",
        "   b ck ct d ft g l ld ll m mp n nce nd ng nt p r rd rm rt s ss st t tch th x ble tion",
    )
)

Conversation = tuple[Session, list[Message], list[Part]]


class Words:
    """Endless text whose words are as unevenly common as a language's. The same seed gives the same text."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._known = [self._word() for _ in range(VOCABULARY)]
        self.common = self._known[0]
        self._weights = [1 / (rank + 3) for rank in range(VOCABULARY)]
        self._stream = self._random.choices(self._known, self._weights, k=500_000)

    def _word(self) -> str:
        syllables = range(self._random.choice((1, 1, 2, 2, 3)))
        return "".join(self._random.choice(kind) for _ in syllables for kind in (_ONSETS, _VOWELS, _CODAS))

    def phrase(self, number: int) -> str:
        """Return three words in a row, the same for a number, as SHARED sessions have them."""
        return " ".join(random.Random(number).choices(self._known, self._weights, k=3))

    def take(self, about: int) -> str:
        """Return some `about` words."""
        count = self._random.randint(about // 2, about * 3 // 2)
        start = self._random.randrange(len(self._stream) - count)
        return " ".join(self._stream[start : start + count])


def marker(session: int, message: int) -> str:
    """Return a word that one message alone has."""
    return f"marker{session}x{message}"


def phrases(sessions: int) -> int:
    """Return how many phrases so many sessions have."""
    return max(1, sessions // SHARED)


def conversation(words: Words, number: int, messages: int, phrase: int) -> Conversation:
    """Return a session with as many messages, half of them prompts; one in the middle has the phrase."""
    now = time.time_ns() // 1_000_000
    session = Session(
        id=ids.descending("ses"),
        slug="quiet-harbor",
        project_id="global",
        directory="/",
        title=f"{words.take(5)} {number}",
        version="0",
        time=SessionTime(created=now, updated=now + number),
        cost=0,
        tokens=Tokens(input=1000, output=1000),
    )
    said: list[Message] = []
    parts: list[Part] = []
    for index in range(0, messages, 2):
        prompt = UserMessage(
            id=ids.ascending("msg"),
            session_id=session.id,
            time=CreatedTime(created=now),
            agent="build",
            model=ModelChoice(provider_id="bench", model_id="tok-50-0"),
        )
        answer = AssistantMessage(
            id=ids.ascending("msg"),
            session_id=session.id,
            time=MessageTime(created=now, completed=now),
            parent_id=prompt.id,
            model_id="tok-50-0",
            provider_id="bench",
            mode="build",
            agent="build",
            path=MessagePath(cwd="/", root="/"),
            cost=0,
            tokens=Tokens(input=1000, output=100),
            finish="stop",
        )
        said += (prompt, answer)
        question = f"{words.take(PROMPT_WORDS)} {marker(number, index)}"
        parts.append(TextPart(**_place(prompt), text=question))
        parts.append(StepStartPart(**_place(answer)))
        text = f"{words.take(ANSWER_WORDS)} {marker(number, index + 1)}"
        if index == messages // 4 * 2:
            text = f"{words.phrase(phrase)} {text}"
        parts.append(TextPart(**_place(answer), text=text, time=TimeSpan(start=now, end=now)))
        parts.append(StepFinishPart(**_place(answer), reason="stop", cost=0, tokens=answer.tokens))
    return session, said, parts


def _place(message: Message) -> dict[str, str]:
    return {"id": ids.ascending("prt"), "session_id": message.session_id, "message_id": message.id}


async def fill(directory: Path, sessions: int, messages: int) -> None:
    """Make the database of a data directory, with sessions of as many messages each."""
    directory.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing waits
    database = Database(SQLITE, SQLITE.open(directory, None))
    await database.write(migrate)
    words = Words()
    numbers = iter(range(sessions))
    while batch := [
        conversation(words, number, messages, number % phrases(sessions))
        for number in islice(numbers, SESSIONS_AT_ONCE)
    ]:
        await database.write(lambda connection, batch=batch: _insert(connection, batch))
        # Texts are entered in the pieces in which a server does it, and merged once at the end.
        while await database.write(SQLITE.index_pending):
            pass
    await database.write(lambda connection: _run(connection, *_OPTIMIZE))
    await database.close()


def _insert(connection: Connection, batch: list[Conversation]) -> None:
    for session, messages, parts in batch:
        connection.execute(tables.session.insert(), session_row(session))
        connection.execute(tables.message.insert(), [message_row(each, answered=True) for each in messages])
        connection.execute(tables.part.insert(), list(map(part_row, parts)))


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), *map(int, sys.argv[2:] or ("5000", "100"))))
