"""What the demo model says about tool results, whose own words are written for models."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from opencode.schema.base import JsonObject

from ..base import ToolOutput

_LINK = re.compile(r"\[(?P<title>[^\]\n]+)\]\((?P<url>https?://[^\s)]+)\)|(?P<bare>https?://[^\s)>\]\"'`]+)")
_SENTENCE = re.compile(r".+?[.!?](?=\s+[A-Z\[\"']|\s*$)", re.DOTALL)
_NOTE = re.compile(r"\[(?:[A-Z][^\]]* [^\]]*|task_id: .*)\]")
"""A line that a tool adds for the model, such as "[Truncated: …]"."""

_SEARCH_KEYS = (
    "\n\nWith `EXA_API_KEY`, `TAVILY_API_KEY` or `BRAVE_API_KEY` set, this server uses a search service "
    "instead of the public engines."
)


def describe(output: ToolOutput, value: JsonObject) -> str:
    """Return a tool's result in a few lines of Markdown; `value` is the input of its call."""
    if output.is_error:
        return _failure(output)
    match output.name:
        case "todowrite":
            items = [item["content"] for item in value.get("todos", [])]
            return "The todo list:\n\n" + "\n".join(f"- [ ] {item}" for item in items)
        case "webfetch":
            return _page(output, value.get("url", ""))
        case "websearch":
            return _results(output, value.get("query", ""))
        case "question":
            return _answers(output, value)
    who = "The other agent answered" if output.name == "task" else f"`{output.name}` returned"
    return f"{who}:\n\n{quoted(_without_notes(output.output), 5)}"


def _failure(output: ToolOutput) -> str:
    """Return the first sentence of an error, which says what happened; the rest is advice to the model."""
    sentence = _SENTENCE.match(output.output.strip())
    failure = f"`{output.name}` failed:\n\n{quoted(sentence[0] if sentence else output.output, 3)}"
    unreachable = output.name == "websearch" and "search engines" in output.output
    return failure + _SEARCH_KEYS * unreachable


def _page(output: ToolOutput, url: str) -> str:
    if output.attachments:
        return f"{_link(url)} is a file ({output.attachments[0].mime}), which I can't look into."
    text = _without_notes(output.output)
    return f"{_link(url)} begins with:\n\n{quoted(text, 5)}" if text else f"{_link(url)} has no text."


def _results(output: ToolOutput, query: str) -> str:
    sources = "\n".join(f"- {source}" for source in _sources(output.output))
    return f"Results for *{query}*:\n\n{sources}" if sources else f"No results for *{query}*."


def _answers(output: ToolOutput, value: JsonObject) -> str:
    questions = [question["question"] for question in value.get("questions", [])]
    answers = (re.search(f'"{re.escape(question)}"="([^"]*)"', output.output) for question in questions)
    return "You answered: " + ", ".join(f"**{answer[1]}**" if answer else "?" for answer in answers)


def _sources(text: str, count: int = 5) -> Iterator[str]:
    seen: set[str] = set()
    for match in _LINK.finditer(text):
        url = match["url"] or match["bare"].rstrip(".,;")
        if url not in seen and len(seen) < count:
            seen.add(url)
            yield _link(url, match["title"])


def _link(url: str, title: str | None = None) -> str:
    parts = urlsplit(url)
    return f"[{title or (parts.netloc + parts.path).rstrip('/')}]({url})"


def _without_notes(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not _NOTE.fullmatch(line.strip())).strip()


def quoted(text: str, lines: int, width: int = 200) -> str:
    """Return a text's first lines as a Markdown quotation."""
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    cut = [line if len(line) <= width else f"{line[:width]}…" for line in kept[:lines]]
    return "\n".join(f"> {line}  " for line in cut + ["…"] * (len(kept) > lines))
