"""What a start does before the first request: close what the last stop of the server left open."""

from contextlib import suppress

from opencode.agent.dependencies import TurnDependencies
from opencode.agent.recovery import close_cut, close_unanswered
from opencode.errors import NotFound
from opencode.schema.message import UserMessage

from .sessions import Sessions

NEWEST = 50
"""How many messages are looked at for an answer to a prompt that was being answered last."""


async def recover(dependencies: TurnDependencies, sessions: Sessions) -> int:
    """Close unfinished answers, and answer prompts that have none with an error.

    Returns in how many sessions; raises Unavailable.
    """
    store = dependencies.store
    opened = await store.unfinished()
    cut = {message.info.session_id for message in opened if close_cut(store, message)}
    for prompt in (message.info for message in opened if isinstance(message.info, UserMessage)):
        newest = await store.messages(prompt.session_id, limit=NEWEST)
        if close_unanswered(store, prompt, newest, dependencies.directory):
            cut.add(prompt.session_id)
    await store.commit()
    for session_id in cut:
        with suppress(NotFound):  # it is in the trash
            async with sessions.edit(session_id):
                pass  # it has changed just now, which clients that come back ask for
    return len(cut)
