"""Runs at the start of the server: goes on with the answers that its last stop cut, or closes them."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from opencode.agent.dependencies import TurnDependencies
from opencode.agent.recovery import (
    CUT,
    GIVEN_UP,
    STOPS,
    UNANSWERED,
    close_cut,
    close_unanswered,
    prepare_cut,
)
from opencode.errors import NotFound
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage

from .cache import LiveSession
from .sessions import Sessions
from .turns import Turns

NEWEST = 50
"""How many of a session's newest messages are searched for the answer to an open prompt."""


class Recovered(msgspec.Struct, frozen=True):
    """How many sessions' turns go on, and in how many answers were closed."""

    resumed: int
    closed: int


async def recover(
    dependencies: TurnDependencies,
    sessions: Sessions,
    turns: Turns,
    resume: bool,
    concerns: Callable[[str], Awaitable[bool]],
) -> Recovered:
    """Go on with the turns that the last stop cut, or close their answers where that is not wanted.

    `concerns`: whether a session is this server's to recover. A prompt whose turn has been cut too often is
    closed, too. Raises Unavailable.
    """
    store = dependencies.store
    unfinished = await store.unfinished()
    mine = {each.info.session_id for each in unfinished}
    mine = {session_id for session_id in mine if await concerns(session_id)}
    unfinished = [each for each in unfinished if each.info.session_id in mine]
    times = await store.resumptions()
    prompts: dict[str, list[UserMessage]] = {}
    for message in unfinished:
        if isinstance(message.info, UserMessage):
            prompts.setdefault(message.info.session_id, []).append(message.info)
    often = {
        session_id
        for session_id, opened in prompts.items()
        if any(times.get(prompt.id, 0) >= STOPS for prompt in opened)
    }
    live: dict[str, LiveSession] = {}
    for session_id in prompts.keys() - often if resume else ():
        with suppress(NotFound):  # it is in the trash
            live[session_id] = await sessions.open(session_id)
    changed = await _close(
        dependencies, [each for each in unfinished if each.info.session_id not in live], often
    )
    await _prepare(dependencies, [each for each in unfinished if each.info.session_id in live], times)
    await store.commit()
    for session_id in [*changed, *live]:
        with suppress(NotFound):
            async with sessions.edit(session_id):
                pass  # sets time.updated, by which reconnecting clients find changed sessions
    for session_id, session in live.items():
        turns.resume(session, prompts[session_id])
    return Recovered(resumed=len(live), closed=len(changed))


async def _prepare(
    dependencies: TurnDependencies, unfinished: list[MessageWithParts], times: dict[str, int]
) -> None:
    """Count the prompts, and leave their answers so that turns go on with them."""
    store = dependencies.store
    for message in unfinished:
        if isinstance(message.info, AssistantMessage):
            prepare_cut(store, message)
        else:
            count = times.get(message.info.id, 0) + 1
            store.put_resumption(message.info.session_id, message.info.id, count)


async def _close(
    dependencies: TurnDependencies, unfinished: list[MessageWithParts], often: set[str]
) -> set[str]:
    """Close answers, and answer open prompts with an error; return the sessions that were changed.

    `often`: the sessions whose turns were cut too often.
    """
    store = dependencies.store
    changed = {
        message.info.session_id
        for message in unfinished
        if close_cut(store, message, GIVEN_UP if message.info.session_id in often else CUT)
    }
    for prompt in (message.info for message in unfinished if isinstance(message.info, UserMessage)):
        newest = await store.messages(prompt.session_id, limit=NEWEST)
        error = GIVEN_UP if prompt.session_id in often else UNANSWERED
        if close_unanswered(store, prompt, newest, dependencies.directory, error):
            changed.add(prompt.session_id)
    return changed
