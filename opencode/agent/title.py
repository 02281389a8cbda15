"""Generates a session's title from the first prompt with a small model."""

from contextlib import aclosing

from opencode import observe
from opencode.errors import ModelError
from opencode.provider.base import Finish, ModelRequest, Restart, Text, TextDelta, UserTurn
from opencode.provider.cost import cost_usd
from opencode.provider.registry import Resolved
from opencode.schema.agent import Agent
from opencode.schema.base import given

LONGEST_PROMPT = 4_000
LONGEST_TITLE = 100


async def make_title(resolved: Resolved, agent: Agent, prompt: str) -> str | None:
    """Return a title for a conversation that begins with `prompt`; None if the model returns no text.

    Raises ModelError.
    """
    question = (
        Text("Write a title for the conversation that begins with this message:"),
        Text(prompt[:LONGEST_PROMPT]),
    )
    request = ModelRequest(
        model=resolved.model,
        turns=(UserTurn(question),),
        system=(given(agent.prompt, ""),),
        temperature=agent.temperature
        if agent.temperature and resolved.model.capabilities.temperature
        else None,
        options=resolved.model.options,
    )
    model = resolved.model
    call = observe.ModelCall(provider=model.provider_id, model=model.id, purpose="title")
    text = ""
    with observe.watch(call):
        async with aclosing(resolved.adapter.stream(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                    if len(text) > 20 * LONGEST_TITLE:
                        raise ModelError("The model's title is too long.")
                elif isinstance(event, Restart):
                    text = ""
                elif isinstance(event, Finish):
                    call.finish(
                        event.tokens,
                        cost_usd(model, event.tokens),
                        event.reason,
                        event.answered_by,
                        event.answer_id,
                    )
    lines = [line.strip().strip("\"'*#“”«»").strip() for line in text.splitlines()]
    title = next((line for line in lines if line), None)
    return title[:LONGEST_TITLE] if title else None
