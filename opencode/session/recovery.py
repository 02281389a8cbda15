"""Runs at the start of the server: closes the answers that its last stop left unfinished."""

from contextlib import suppress

from opencode.agent.dependencies import TurnDependencies
from opencode.agent.recovery import close_cut, close_unanswered
from opencode.errors import NotFound
from opencode.schema.message import UserMessage

from .sessions import Sessions

NEWEST = 50
"""How many of a session's newest messages are searched for the answer to an open prompt."""


async def recover(dependencies: TurnDependencies, sessions: Sessions) -> int:
    """Close unfinished answers, and answer open prompts with an error.

    Returns the number of sessions that were changed; raises Unavailable.
    """
    store = dependencies.store
    unfinished = await store.unfinished()
    changed = {message.info.session_id for message in unfinished if close_cut(store, message)}
    for prompt in (message.info for message in unfinished if isinstance(message.info, UserMessage)):
        newest = await store.messages(prompt.session_id, limit=NEWEST)
        if close_unanswered(store, prompt, newest, dependencies.directory):
            changed.add(prompt.session_id)
    await store.commit()
    for session_id in changed:
        with suppress(NotFound):  # it is in the trash
            async with sessions.edit(session_id):
                pass  # sets time.updated, by which reconnecting clients find changed sessions
    return len(changed)
