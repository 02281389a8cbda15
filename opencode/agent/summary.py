"""Writes the summary that replaces a conversation in later requests."""

from opencode.errors import ContextOverflow
from opencode.provider.base import Finish
from opencode.provider.cost import cost_usd
from opencode.provider.registry import Resolved
from opencode.schema.agent import Agent
from opencode.schema.event import SessionCompacted
from opencode.schema.message import MessageWithParts, ModelChoice, UserMessage

from .answering import first_answer
from .compaction import since_summary, summary_request
from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange

AGENT = "compaction"

SHARES = (1.0, 0.5, 0.25)
"""Shares of the estimated room to use, one for each attempt: token counts are only estimates."""


class Summary:
    """Answers a compaction request with a summary of `covered`.

    The compaction agent's model writes it, if it has one, else the request's model.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        session: TurnSession,
        prompt: UserMessage,
        covered: list[MessageWithParts],
    ) -> None:
        self._dependencies = dependencies
        self._session = session
        self._prompt = prompt
        self._covered = since_summary(covered)
        self.exchange = Exchange(dependencies, session, prompt, summary_by=AGENT)

    async def run(self) -> bool:
        """Write the summary; return whether that succeeded.

        Raises only cancellation, and Unavailable if the message can't be stored.
        """
        transcript = self.exchange.transcript
        async with self.exchange:
            agent = self._dependencies.agents.get(AGENT)
            choice = self._prompt.model
            if agent.model:
                choice = ModelChoice(provider_id=agent.model.provider_id, model_id=agent.model.model_id)

            async def ask(resolved: Resolved, others: bool) -> Finish:
                return await self._ask(resolved, agent, others)

            chooser = AGENT if agent.model else self._prompt.agent
            resolved, finish = await first_answer(self._dependencies, self.exchange, chooser, choice, ask)
            cost = cost_usd(resolved.model, finish.tokens)
            await transcript.finish_step("stop", finish.tokens, cost)
            self._dependencies.bus.publish(SessionCompacted(session_id=self._prompt.session_id))
        return not transcript.message.error

    async def _ask(self, resolved: Resolved, agent: Agent, others: bool) -> Finish:
        """Ask for the summary, of a smaller share each time the context overflows; raises ModelError."""
        for share in SHARES[:-1]:
            try:
                request = summary_request(self._covered, resolved.model, agent, share)
                return await self.exchange.ask(resolved, request, others)
            except ContextOverflow:
                await self.exchange.transcript.discard()
        request = summary_request(self._covered, resolved.model, agent, SHARES[-1])
        return await self.exchange.ask(resolved, request, others)
