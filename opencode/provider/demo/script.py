"""The demo model's script: one answer per request, from the user's words and the tools' results."""

import re
from collections.abc import Iterator

import msgspec

from opencode.errors import ModelAPIError
from opencode.schema.base import JsonObject

from ..base import AssistantTurn, Attachment, ModelRequest, Text, ToolCall, ToolOutput, UserTurn
from .results import describe, quoted

TITLE_LENGTH = 50

_SEARCH = re.compile(r"search(?: for)?:?\s+(?P<query>.+)", re.IGNORECASE)
_FETCH = re.compile(r"(?:fetch:?\s+)?(?P<url>https?://\S+)", re.IGNORECASE)
_TODO = re.compile(r"todos?:?\s+(?P<items>.+)", re.IGNORECASE)
_ASK = re.compile(r"ask(?: me:?|:)\s+(?P<question>.+)", re.IGNORECASE)
_TASK = re.compile(r"task:\s+(?P<prompt>.+)", re.IGNORECASE)
_CONVERSATION = re.compile(r"<conversation>(?P<text>.*)</conversation>", re.DOTALL)
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)
_ASKS_FOR_TITLE = re.compile(r"^.*\btitle\b.*:\s*$", re.IGNORECASE | re.MULTILINE)

_COMMANDS = """\
- `search quart streaming` searches the web
- `fetch https://example.com` reads a page
- `todo: buy bread, bake cake` keeps a list; several commands, one a line, run in parallel
- `ask me: tea or coffee?` asks you a question; `task: search quart` gives that to another agent
- `think`, `markdown`, `long` and `fail` show long reasoning, formatting, a long answer (good for trying \
*stop*) and a failure"""

_CONNECT = """\
To talk to a real model, start the server with `ANTHROPIC_API_KEY`, `OPENAI_API_KEY` or `HF_TOKEN` set, or \
with `OPENAI_BASE_URL` for any OpenAI-compatible server. A running server accepts a key too (with \
`-u USER:PASSWORD` if it has a password):

```sh
curl -X PUT {address}/auth/anthropic \\
  -H 'content-type: application/json' -d '{{"type": "api", "key": "…"}}'
```"""

_MARKDOWN = """\
## Markdown from the demo model

Some *emphasis*, some **weight**, some `code`, a [link](https://example.com).

| tool | command |
|---|---|
| web search | `search …` |
| web fetch | `fetch https://…` |
| todos | `todo: a, b, c` |

1. first
2. second
   - and below it

- [x] done
- [ ] to do

> A quotation.

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```
"""

_LONG_THOUGHT = " ".join(
    f"Step {step}: a real model would weigh the question here; the demo only shows what that looks like."
    for step in range(1, 13)
)
_LONG_ANSWER = "\n".join(
    f"{line}. The demo model writes line {line} of 100, so that there is time to stop it."
    for line in range(1, 101)
)


class Call(msgspec.Struct, frozen=True):
    tool: str
    input: JsonObject


class Script(msgspec.Struct, frozen=True):
    """An answer: reasoning, text, then a failure or calls."""

    text: str = ""
    reasoning: str = ""
    calls: list[Call] = []
    failure: ModelAPIError | None = None


def script_for(request: ModelRequest, address: str) -> Script:
    """Return the answer to the request's last turn. `address`: this server's, as the user knows it."""
    said = _said(request.turns[-1])
    if not request.tools and (conversation := _CONVERSATION.search(said)):
        return Script(text=_condensed(conversation["text"]))
    if not request.tools and "title" in " ".join([*request.system, *map(_said, request.turns)]).lower():
        return Script(text=_title(request))
    outputs = [part for part in request.turns[-1].content if isinstance(part, ToolOutput)]
    summary = "\n\n".join(describe(output, _input_of(output, request)) for output in outputs)
    if outputs and not said:
        return Script(text=summary, reasoning="The tools have returned their results: I summarize them.")
    answer = _answer(request, said, address)
    return msgspec.structs.replace(answer, text=f"{summary}\n\n{answer.text}".strip())


def _answer(request: ModelRequest, said: str, address: str) -> Script:
    available = {tool.name for tool in request.tools}
    calls = list(_calls(said))
    if calls:
        missing = sorted({call.tool for call in calls} - available)
        return Script(
            reasoning="The message holds commands that I know: I call their tools.",
            text="\n".join(f"This agent has no `{tool}` tool, so I can't do that." for tool in missing),
            calls=[call for call in calls if call.tool in available],
        )
    match _first_word(request):
        case "think":
            return Script(reasoning=_LONG_THOUGHT, text="That was an example of long reasoning.")
        case "markdown":
            return Script(reasoning="I show an example of each format.", text=_MARKDOWN)
        case "slow" | "long":
            return Script(reasoning="I write a long answer, line by line.", text=_LONG_ANSWER)
        case "fail":
            failure = ModelAPIError("The demo model failed because you asked it to.", retryable=False)
            return Script(reasoning="I was asked to fail.", failure=failure)
    return _introduction(request, said, address)


def _first_word(request: ModelRequest) -> str:
    """Return the first word of the newest prompt; unanswered ones, failed or aborted, may precede it."""
    texts = [part.text for part in request.turns[-1].content if isinstance(part, Text)]
    words = re.findall(r"\w+", _REMINDER.sub("", texts[-1]).lower()) if texts else []
    return words[0] if words else ""


def _introduction(request: ModelRequest, said: str, address: str) -> Script:
    parts = [
        "This is the **demo model**: it works offline, from a script, and can't think about what you wrote"
    ]
    parts[0] += f":\n\n{quoted(said, 5)}" if said else "."
    if any(isinstance(part, Attachment) for part in request.turns[-1].content):
        parts.append("It can't look into attachments either.")
    parts += [f"It does call the real tools, though. Try:\n\n{_COMMANDS}", _CONNECT.format(address=address)]
    return Script(reasoning="I know no such command: I explain what I am.", text="\n\n".join(parts))


def _calls(said: str) -> Iterator[Call]:
    for line in (
        line.strip(' \t"') for line in said.splitlines()
    ):  # opencode's CLI puts the prompt in quotes
        if match := _SEARCH.fullmatch(line):
            yield Call("websearch", {"query": match["query"]})
        elif match := _FETCH.fullmatch(line):
            yield Call("webfetch", {"url": match["url"], "format": "markdown"})
        elif match := _TODO.fullmatch(line):
            items = [item.strip() for item in re.split(r"[,;]", match["items"]) if item.strip()]
            todos = [{"content": item, "status": "pending", "priority": "medium"} for item in items]
            yield Call("todowrite", {"todos": todos})
        elif match := _ASK.fullmatch(line):
            yield Call("question", {"questions": [_question(match["question"])]})
        elif match := _TASK.fullmatch(line):
            task = {"description": _shortened(match["prompt"], 30), "prompt": match["prompt"]}
            yield Call("task", {**task, "subagent_type": "general"})


def _question(text: str) -> JsonObject:
    """Return a question. "tea or coffee?" offers tea and coffee; others offer yes and no."""
    choices = [choice.strip(" ?.") for choice in re.split(r",|\bor\b", text)]
    labels = choices if len(choices) > 1 else ["Yes", "No"]
    options = [{"label": label, "description": ""} for label in labels if label]
    return {"question": text, "header": "The demo asks", "options": options}


def _condensed(conversation: str) -> str:
    """Return the user's messages of a conversation, shortened, as a summary."""
    said = re.findall(r"^User:\n(.+)", conversation, re.MULTILINE)
    listed = "\n".join(f"- {_shortened(text, 100)}" for text in said[-20:])
    return f"A summary by the demo model, which only repeats your messages:\n\n{listed}"


def _said(turn: UserTurn | AssistantTurn) -> str:
    """Return the user's own text in a turn."""
    if isinstance(turn, AssistantTurn):
        return ""
    text = "\n".join(part.text for part in turn.content if isinstance(part, Text))
    return _REMINDER.sub("", text).strip()


def _input_of(output: ToolOutput, request: ModelRequest) -> JsonObject:
    calls = (part for turn in request.turns for part in turn.content if isinstance(part, ToolCall))
    return next((call.input for call in calls if call.call_id == output.call_id), {})


def _title(request: ModelRequest) -> str:
    """Return the user's first words, whole ones, as a title."""
    said = _ASKS_FOR_TITLE.sub("", "\n".join(filter(None, map(_said, request.turns))))
    return _shortened(said, TITLE_LENGTH) or "A chat with the demo model"


def _shortened(text: str, length: int) -> str:
    """Return a text's first words, whole ones, within a length."""
    words = text.split()
    short = ""
    for word in words:
        if len(short) + len(word) + 1 > length:
            break
        short = f"{short} {word}".strip()
    return short or (words[0][:length] if words else "")
