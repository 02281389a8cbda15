"""A step of a turn: one model request and the tool calls in its answer."""

from collections.abc import Iterable, Sequence

from msgspec import UNSET, structs

from opencode.errors import ContextOverflow, ModelAPIError
from opencode.provider import family_defaults
from opencode.provider.base import Finish, ModelRequest, ToolDefinition, merge_options
from opencode.provider.registry import Resolved
from opencode.provider.wire.attachment_errors import may_refuse_attachment
from opencode.schema.agent import Agent
from opencode.schema.base import given
from opencode.schema.message import JsonSchemaFormat, MessageWithParts, UserMessage
from opencode.schema.provider import Model
from opencode.schema.session import PermissionRule
from opencode.tool.skill import SKILL

from . import structured
from .agents import DEFAULT_STEPS
from .answering import first_answer
from .context import system_prompt, turns
from .dependencies import TurnDependencies, TurnSession
from .exchange import Exchange
from .files import has_files
from .permission import is_hidden, tool_rules
from .progress import Progress
from .prompt_defaults import takes_temperature
from .resolution import Resolution
from .skills import skill_listing
from .tool_execution import ToolExecution

LAST_STEP = (
    "This is your last step, and tools are no longer available. Summarize what you have found or done so "
    "far, what remains, and how to continue."
)

MAX_REFUSALS = 2
"""Requests for one answer that the provider may refuse for their files."""

TOO_LONG = "Start a new session, send less, or choose a model with a larger context."


class Step:
    """One step. `progress`: of the answer to `prompt`; this step is counted in it already.

    `may_overflow`: if the conversation exceeds the model's context, the message is removed and `run` returns
    False; otherwise the message ends with that error. `refused`: the user refused a tool call, which ends the
    turn. `follow_up`: what the model is told before the next step, or "".
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        session: TurnSession,
        execution: ToolExecution,
        prompt: UserMessage,
        *,
        progress: Progress,
        rules: list[PermissionRule],
        may_overflow: bool,
    ) -> None:
        self._dependencies = dependencies
        self._session = session
        self._execution = execution
        self._prompt = prompt
        self._progress = progress
        self._rules = rules
        self._may_overflow = may_overflow
        self._instructions: Sequence[str] = ()
        self._defaults = session.defaults()
        self.refused = False
        self.follow_up = ""
        self.exchange = Exchange(dependencies, session, prompt)

    async def run(self, history: Iterable[MessageWithParts]) -> bool:
        """Take the step; return whether the conversation fits in the context.

        Raises only cancellation, and Unavailable if the message can't be stored.
        """
        prompt = self._prompt
        transcript = self.exchange.transcript
        async with self.exchange:
            agent = self._dependencies.agents.get(prompt.agent)
            await self._dependencies.tools.ready()
            self._instructions = await self._dependencies.instructions()

            async def ask(resolved: Resolved, others: bool) -> Finish:
                return await self._ask(list(history), agent, resolved, others)

            try:
                resolved, finish = await first_answer(
                    self._dependencies, self.exchange, prompt.agent, prompt.model, ask
                )
            except ContextOverflow as error:
                if not self._may_overflow:
                    raise ContextOverflow(f"{error.message.rstrip('.')}. {TOO_LONG}", error.body) from None
                await transcript.withdraw()
                return False
            resolution = Resolution(
                self._dependencies, self._execution, transcript, prompt, self._progress, _limit(agent)
            )
            try:
                await resolution.run(agent, self._effective_rules(agent), resolved, finish)
            finally:
                self.refused, self.follow_up = resolution.refused, resolution.follow_up
        return True

    async def _ask(
        self, history: list[MessageWithParts], agent: Agent, resolved: Resolved, others: bool
    ) -> Finish:
        """Ask the model, again without files if the provider may have refused one; raises ModelError.

        First the files go that are new, then all.
        """
        transcript = self.exchange.transcript
        refusals: list[ModelAPIError] = []
        while True:
            request = self._request(history, agent, resolved, [error.message for error in refusals])
            try:
                finish = await self.exchange.ask(resolved, request, others)
                break
            except ModelAPIError as error:
                if (
                    len(refusals) == MAX_REFUSALS
                    or not has_files(request)
                    or not may_refuse_attachment(error)
                ):
                    raise
                refusals.append(error)
            await transcript.discard()
        for refusal in refusals:
            transcript.retried(refusal.wire())
        return finish

    def _request(
        self, history: list[MessageWithParts], agent: Agent, resolved: Resolved, refusals: list[str]
    ) -> ModelRequest:
        prompt = self._prompt
        model = resolved.model
        last = self._progress.steps >= _limit(agent)
        answer_as_data = isinstance(prompt.format, JsonSchemaFormat)
        usable = model.capabilities.toolcall and not (last and answer_as_data)
        tools = self._tool_definitions(agent, model) if usable else []
        of_tools = list(self._dependencies.tools.instructions(tool.name for tool in tools))
        if any(tool.name == SKILL for tool in tools):
            of_tools.append(skill_listing(self._dependencies.skills, agent))
        system = system_prompt(agent, prompt, (*self._instructions, *of_tools), self._defaults.system)
        if isinstance(prompt.format, JsonSchemaFormat):
            if model.capabilities.toolcall:
                tools.append(structured.definition(prompt.format))
                system = (*system, structured.INSTRUCTION)
            else:
                system = (*system, structured.in_words(prompt.format))
        elif last:
            system = (*system, LAST_STEP)
        variant = given(model.variants, {}).get(given(prompt.model.variant, ""), {})
        temperature = family_defaults.temperature(model) if agent.temperature is UNSET else agent.temperature
        if self._defaults.temperature is not None and takes_temperature(model):
            temperature = self._defaults.temperature
            capabilities = structs.replace(model.capabilities, temperature=True)
            model = structs.replace(model, capabilities=capabilities)
        return ModelRequest(
            model=model,
            turns=turns(history, model, refusals),
            system=system,
            tools=tuple(tools),
            tool_choice="required" if answer_as_data and tools else "none" if last else "auto",
            temperature=temperature,
            top_p=family_defaults.top_p(model) if agent.top_p is UNSET else agent.top_p,
            options=merge_options(family_defaults.options(model), model.options, agent.options, variant),
            session_id=prompt.session_id,
        )

    def _tool_definitions(self, agent: Agent, model: Model) -> list[ToolDefinition]:
        rules = self._effective_rules(agent)
        return [
            ToolDefinition(tool.name, tool.description, tool.parameters())
            for tool in self._dependencies.tools.list()
            if not is_hidden(rules, tool.name) and tool.is_for(model.id)
        ]

    def _effective_rules(self, agent: Agent) -> list[PermissionRule]:
        return effective_rules(agent, [*self._rules, *self._defaults.rules()], self._prompt)


def _limit(agent: Agent) -> int:
    """Return the maximum number of steps for one prompt."""
    return given(agent.steps, DEFAULT_STEPS)


def effective_rules(agent: Agent, session: list[PermissionRule], prompt: UserMessage) -> list[PermissionRule]:
    """Return the rules for a prompt in ascending precedence: the agent's, the session's, the prompt's."""
    return [*agent.permission, *session, *tool_rules(given(prompt.tools, {}))]
