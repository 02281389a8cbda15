"""Builds a user message from a request body. Everything is checked before anything is stored."""

import msgspec
from msgspec import UNSET, structs

from opencode import ids
from opencode.agent.agents import Agents
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.structured import check_schema
from opencode.clock import now_ms
from opencode.config import Limits
from opencode.errors import BadRequest, nearest
from opencode.provider.registry import Registry
from opencode.schema.base import given
from opencode.schema.message import JsonSchemaFormat, MessageWithParts, ModelChoice, UserMessage
from opencode.schema.part import AgentPart, CompactionPart, CreatedTime, FilePart, Part, SubtaskPart, TextPart
from opencode.schema.prompt import (
    AgentPartInput,
    FilePartInput,
    PartInput,
    PromptBody,
    SubtaskPartInput,
    TextPartInput,
)
from opencode.schema.provider import Model
from opencode.schema.session import Session
from opencode.tool.registry import Tools

from .prompt_files import with_workspace_files
from .validation import check_prompt, check_url


class CheckedPrompt(msgspec.Struct, frozen=True):
    """A valid prompt. `chosen_ids`: the ids that the client chose for its parts."""

    body: PromptBody
    inputs: list[PartInput]
    agent: str
    model: ModelChoice

    @property
    def chosen_ids(self) -> list[str]:
        return [str(part.id) for part in self.inputs if part.id]

    def message(self, session_id: str, message_id: str) -> MessageWithParts:
        """Return the prompt as a user message."""
        body = self.body
        message = UserMessage(
            id=message_id,
            session_id=session_id,
            time=CreatedTime(created=now_ms()),
            agent=self.agent,
            model=self.model,
            format=body.format,
            system=body.system,
            tools=body.tools,
        )
        return MessageWithParts(info=message, parts=[_part(item, message) for item in self.inputs])


async def checked_prompt(
    body: PromptBody, session: Session, dependencies: TurnDependencies, limits: Limits
) -> CheckedPrompt:
    """Check a prompt; raises BadRequest and BodyTooLarge."""
    agents = dependencies.agents
    body = _upgraded(body)
    _check_tools(given(body.tools, {}), dependencies.tools)
    inputs = await with_workspace_files(_inputs(body), dependencies.workspace)
    check_prompt(body, inputs, limits)
    for item in inputs:
        _check_input(item, agents)
    agent = agents.get(given(body.agent, given(session.agent, agents.default)))
    model = await _model(body, session, dependencies)
    if isinstance(body.format, JsonSchemaFormat):
        await check_schema(body.format, dependencies.schemas)
    if body.message_id:
        _check_message_id(body.message_id)
    return CheckedPrompt(body, inputs, agent.name, model)


def compaction_message(
    session: Session, message_id: str, model: ModelChoice, agents: Agents
) -> MessageWithParts:
    """Return the user message that requests a compaction of a session."""
    message = UserMessage(
        id=message_id,
        session_id=session.id,
        time=CreatedTime(created=now_ms()),
        agent=given(session.agent, agents.default),
        model=model,
    )
    part = CompactionPart(id=ids.ascending("prt"), session_id=session.id, message_id=message.id, auto=False)
    return MessageWithParts(info=message, parts=[part])


def _upgraded(body: PromptBody) -> PromptBody:
    """Return a prompt with older clients' fields (providerID, modelID, mode) in their current places."""
    model, agent = body.model, body.agent
    if model is UNSET and body.provider_id and body.model_id:
        model = ModelChoice(provider_id=body.provider_id, model_id=body.model_id)
    return structs.replace(body, model=model, agent=body.mode if agent is UNSET else agent)


def _inputs(body: PromptBody) -> list[PartInput]:
    if body.content is not UNSET and body.parts is not UNSET:
        raise BadRequest("Send either content or parts, not both.")
    if body.content is not UNSET:
        if not body.content.strip():
            raise BadRequest("content is empty: send the text of the prompt.")
        return [TextPartInput(text=body.content)]
    if body.parts is UNSET:
        raise BadRequest('Missing key\n  at ["parts"]: send {"content": "…"} or {"parts": […]}.')
    if not body.parts:
        raise BadRequest('parts is empty: send at least one, such as {"type": "text", "text": "…"}.')
    if all(isinstance(part, TextPartInput) and not part.text.strip() for part in body.parts):
        raise BadRequest("Every part is empty: send the text of the prompt.")
    return body.parts


async def _model(body: PromptBody, session: Session, dependencies: TurnDependencies) -> ModelChoice:
    """Return the model for a prompt: its own, its agent's, the session's or the default, in this order."""
    agents, providers = dependencies.agents, dependencies.providers
    agent = agents.get(given(body.agent, given(session.agent, agents.default)))
    if isinstance(body.model, ModelChoice):
        choice = body.model
    elif isinstance(body.model, str):
        choice = providers.parse(body.model)
    elif agent.model:
        choice = ModelChoice(provider_id=agent.model.provider_id, model_id=agent.model.model_id)
        choice.variant = agent.variant
    elif session.model:
        choice = ModelChoice(
            provider_id=session.model.provider_id, model_id=session.model.id, variant=session.model.variant
        )
    else:
        choice = await providers.default()
    model = await _resolved(dependencies.fallbacks.chain(agent.name, choice), providers)
    variant = given(body.variant, given(choice.variant, ""))
    variants = given(model.variants, {})
    if body.model is UNSET and body.variant is UNSET and agent.model and variant not in variants:
        variant = ""  # as in opencode: an agent's variant counts if its model has it
    if variant and variant != "default" and variant not in variants:
        hint = nearest(variant, variants) if variants else "It has no variants."
        raise BadRequest(
            f"{choice.provider_id}/{choice.model_id} has no variant {variant!r}. {hint}".rstrip()
        )
    return ModelChoice(
        provider_id=choice.provider_id, model_id=choice.model_id, variant=variant if variant else UNSET
    )


async def _resolved(chain: list[ModelChoice], providers: Registry) -> Model:
    """Return the first model of a chain that can be used; raises the first one's BadRequest if none can."""
    failures: list[BadRequest] = []
    for choice in chain:
        try:
            return (await providers.resolve(choice.provider_id, choice.model_id)).model
        except BadRequest as error:
            failures.append(error)
    raise failures[0]


def _check_tools(switches: dict[str, bool], tools: Tools) -> None:
    """Raise BadRequest if a name is close to a tool's. Names of tools that other servers have are ignored."""
    for name, near in tools.unknown(switches):
        if near:
            raise BadRequest(f"tools: {name!r} is unknown. Did you mean {near!r}?")


def _check_input(item: PartInput, agents: Agents) -> None:
    if isinstance(item, FilePartInput):
        check_url(item.url, given(item.filename, "the file"))
    elif isinstance(item, SubtaskPartInput):
        if not item.prompt.strip():
            raise BadRequest("A subtask's prompt is empty: send the task for the agent.")
        agents.get(item.agent)


def _part(item: PartInput, message: UserMessage) -> Part:
    part_id = given(item.id, "") or ids.ascending("prt")
    match item:
        case TextPartInput():
            return TextPart(
                id=part_id,
                session_id=message.session_id,
                message_id=message.id,
                text=item.text,
                synthetic=item.synthetic,
                ignored=item.ignored,
                time=item.time,
                metadata=item.metadata,
            )
        case FilePartInput():
            return FilePart(
                id=part_id,
                session_id=message.session_id,
                message_id=message.id,
                mime=item.mime,
                url=item.url,
                filename=item.filename,
                source=item.source,
            )
        case AgentPartInput():
            return AgentPart(
                id=part_id,
                session_id=message.session_id,
                message_id=message.id,
                name=item.name,
                source=item.source,
            )
        case SubtaskPartInput():
            return SubtaskPart(
                id=part_id,
                session_id=message.session_id,
                message_id=message.id,
                prompt=item.prompt,
                description=item.description,
                agent=item.agent,
                model=item.model,
                command=item.command,
            )


def _check_message_id(message_id: str) -> None:
    """Raise BadRequest if a client-chosen id is more than a day ahead of this server's clock.

    Answers must sort after their prompt. They do for ids up to a day ahead.
    """
    if message_id < ids.ascending("msg"):
        return
    time = ids.time_of(message_id)
    if time is None or time > now_ms() + ids.DAY_MS:
        fault = "has no time" if time is None else "is more than a day ahead of this server's clock"
        raise BadRequest(
            f"messageID {message_id} {fault}, so answers could not sort after it. Use msg_, then (Unix ms * "
            "4096) modulo 2^48 as 12 hex digits, then 14 letters or digits; or omit it to get one."
        )
