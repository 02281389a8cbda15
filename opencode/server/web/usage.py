"""What a conversation has used: tokens, the share of the model's context that is full, USD."""

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from opencode.agent.compaction import tokens_in_use
from opencode.errors import RequestError
from opencode.schema.base import given
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import Tokens
from opencode.schema.session import Session
from opencode.session.reverted import without_reverted
from opencode.session.services import Services

SUMMARY_TOKENS = 2_000
"""What a summary takes, roughly; compacting frees the rest."""

NEWEST = 30
"""Messages in which the last answer is looked for."""

MAX_STEPS = 200
"""Steps that are listed, the newest."""


class Usage(msgspec.Struct, frozen=True):
    """`context`: the conversation's size in tokens as of the last answer. `limit`: 0 if it is unknown."""

    context: int = 0
    limit: int = 0
    cost: float = 0.0

    @property
    def share(self) -> int:
        """The percentage of the context that is full; 0 if it is unknown."""
        return min(100, round(100 * self.context / self.limit)) if self.limit else 0

    @property
    def freed(self) -> int:
        """The tokens that compacting frees, roughly."""
        return max(0, self.context - SUMMARY_TOKENS)


class Step(msgspec.Struct, frozen=True):
    """One step, or all steps of one model."""

    name: str
    tokens: Tokens
    cost: float
    count: int = 1

    @property
    def input(self) -> int:
        return self.tokens.input + self.tokens.cache.read + self.tokens.cache.write

    @property
    def output(self) -> int:
        return self.tokens.output + self.tokens.reasoning


async def usage(services: Services, session: Session) -> Usage:
    """Return what a session has used until now."""
    newest = await services.sessions.messages(session.id, NEWEST, outlines=True)
    limit = 0
    if session.model:
        with suppress(RequestError):
            model = (await services.providers.resolve(session.model.provider_id, session.model.id)).model
            limit = given(model.limit.input, 0) or int(model.limit.context)
    return Usage(tokens_in_use(without_reverted(session, newest)), limit, session.cost)


def by_model(messages: Iterable[MessageWithParts]) -> list[Step]:
    """Return what each model has used, the most expensive first."""
    sums: dict[str, Step] = {}
    for step in steps(messages):
        known = sums.get(step.name)
        sums[step.name] = (
            Step(step.name, known.tokens.plus(step.tokens), known.cost + step.cost, known.count + 1)
            if known
            else step
        )
    return sorted(sums.values(), key=lambda step: -step.cost)


def steps(messages: Iterable[MessageWithParts]) -> list[Step]:
    """Return what each step has used, in order."""
    return [
        Step(f"{info.provider_id}/{info.model_id}", info.tokens, info.cost)
        for message in messages
        if isinstance(info := message.info, AssistantMessage) and info.time.completed
    ]
