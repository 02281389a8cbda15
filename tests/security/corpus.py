"""Hostile texts, the fields of a conversation that can hold them, and the views that show them."""

from collections.abc import Callable
from typing import Any

SIZE = 60_000
"""Characters of a text."""


def _repeated(unit: str) -> str:
    return unit * (SIZE // len(unit))


def _growing(mark: str) -> str:
    """Return runs of a mark that grow: each may have to be looked for to the end."""
    return " ".join(f"{mark * length}x" for length in range(1, 340))


TEXTS: dict[str, str] = {
    "addresses with open brackets": _repeated("http://a.b/("),
    "addresses of one letter": _repeated("www.a.b/<"),
    "mail addresses": _repeated("a@b."),
    "open brackets": _repeated("["),
    "open pictures": _repeated("![a]("),
    "nested links": _repeated("[a]("),
    "link definitions": "".join(f"[a{number}]: /b\n" for number in range(4_000)),
    "uses of a definition": "[a]: " + "b" * 1_000 + "\n\n" + "[a]" * 15_000,
    "emphasis": _repeated("*a "),
    "emphasis of both kinds": _repeated("*a_b "),
    "struck through": _repeated("~~a "),
    "code that grows": _growing("`"),
    "fences that grow": "\n".join("`" * length for length in range(3, 340)),
    "quotes": _repeated("> "),
    "quotes without blanks": ">" * SIZE,
    "lists": "- " * 2_000,
    "lists that go deeper": "\n".join("  " * depth + "- a" for depth in range(240)),
    "numbers": _repeated("1. "),
    "a wide table": "|".join("a" for _ in range(5_000)) + "\n" + "|".join("-" for _ in range(5_000)) + "\n",
    "a long table": "|a|b|\n|-|-|\n" + "|c|\n" * 10_000,
    "tables in tables": _repeated("|-|\n"),
    "open formulas": _repeated("$a "),
    "open brackets of formulas": _repeated("\\("),
    "nested formulas": "$" + "{" * 900 + "}" * 900 + "$ " + "$" + "\\frac{1}{" * 200 + "}" * 200 + "$",
    "formulas": _repeated("$\\sum_{i=0}^n x_i$ "),
    "tags": _repeated("<a b='"),
    "comments": _repeated("<!--"),
    "entities": _repeated("&amp;&#x41;&notanentity"),
    "headings": _repeated("# a\n===\n"),
    "underlines": "a\n" * 20_000 + "===",
    "tabs in code": "```easytrieve\nx" + "\t" * 2_000 + "x\n```",
    "blanks in code": "```java\n" + " " * 30_000 + "x\n```",
    "strings in code": "```csharp\n" + '@"' * 15_000 + "\n```",
    "many languages": "".join(
        f"```{name}\n{'(' * 2_000}\n```\n"
        for name in ("c++", "perl", "ruby", "php", "tex", "lean", "haskell")
    ),
    "many fences": "```python\nx = '\n```\n" * 2_000,
    "one long line": "a" * SIZE,
    "many lines": "\n" * SIZE,
    "control characters": "".join(map(chr, range(1, 32))) * 1_500,
    "right to left": _repeated("\u202e\u0627\u200f"),
    "joined emoji": _repeated("\U0001f469\u200d"),
    "combining marks": "a" + "\u0301" * 30_000,
    "html": _repeated("<script>alert(1)</script><img src=x onerror=alert(1)>"),
}
"""Each takes quadratic time, cubic time or much memory in some program that shows text."""

Field = Callable[[str], dict[str, Any]]


def _tool(tool: str, arguments: dict[str, Any], **state: Any) -> dict[str, Any]:
    times = {"start": 1_795_496_374_812, "end": 1_795_496_374_900}
    ended = {"status": "completed", "output": "", "title": "", "metadata": {}} | state
    return {"type": "tool", "callID": "c", "tool": tool, "state": {"input": arguments, "time": times} | ended}


FIELDS: dict[str, Field] = {
    "text": lambda text: {"type": "text", "text": text},
    "reasoning": lambda text: {
        "type": "reasoning",
        "text": text,
        "time": {"start": 1_795_496_374_812, "end": 1_795_496_374_900},
    },
    "input of a tool": lambda text: _tool("other", {"a": text, text[:200]: [text[:1_000]]}),
    "output of a tool": lambda text: _tool("other", {}, output=text),
    "title of a call": lambda text: _tool("webfetch", {"url": text[:2_000]}, title=text[:2_000], output=text),
    "results of a search": lambda text: _tool(
        "websearch",
        {"query": text[:1_000]},
        metadata={"results": [{"title": text, "url": text, "snippet": text, "text": text}]},
    ),
    "todos": lambda text: _tool(
        "todowrite", {}, metadata={"todos": [{"content": text, "status": "pending", "priority": "high"}]}
    ),
    "questions": lambda text: _tool(
        "question",
        {
            "questions": [
                {"question": text, "header": text, "options": [{"label": text, "description": text}]}
            ]
        },
        metadata={"answers": [[text]]},
    ),
    "a task": lambda text: _tool("task", {"description": text, "prompt": text, "subagent_type": text}),
    "error of a call": lambda text: {
        "type": "tool",
        "callID": "c",
        "tool": "webfetch",
        "state": {
            "status": "error",
            "input": {"url": text},
            "error": text,
            "time": {"start": 1_795_496_374_812, "end": 1_795_496_374_900},
        },
    },
    "name of a file": lambda text: {
        "type": "file",
        "mime": "text/plain",
        "filename": text[:200],
        "url": "data:text/plain;base64,YQ==",
    },
}

VIEWS = (
    "/chat/{session}",
    "/share/{link}",
    "/chat/{session}/stream?from=nothing",
    "/chat/{session}/older?before=msg_zzz",
    "/chat/{session}/export.md",
    "/chat/{session}/export.json",
    "/session/{session}/message",
    "/session/{session}/export",
    "/",
    "/session",
    "/chats/search?q={word}",
)


def conversation(text: str) -> dict[str, Any]:
    """Return a document for POST /session/import that holds the text in every field."""
    time = {"created": 1_795_496_374_812, "completed": 1_795_496_374_900}
    user = {
        "id": "msg_a",
        "sessionID": "s",
        "role": "user",
        "time": {"created": 1_795_496_374_712},
        "agent": "build",
        "model": {"providerID": "demo", "modelID": "demo"},
    }
    messages = [
        {
            "info": user,
            "parts": [{"type": "text", "id": "prt_a", "sessionID": "s", "messageID": "msg_a", "text": text}],
        }
    ]
    for number, field in enumerate(FIELDS.values()):
        message_id = f"msg_b{number:02}"
        info = {
            "id": message_id,
            "sessionID": "s",
            "role": "assistant",
            "parentID": "msg_a",
            "time": time,
            "providerID": "demo",
            "modelID": "demo",
            "mode": "build",
            "agent": "build",
            "path": {"cwd": "/", "root": "/"},
            "cost": 0,
            "tokens": {"input": 1, "output": 1, "reasoning": 0, "cache": {"read": 0, "write": 0}},
            "finish": "stop",
            "error": {"name": "UnknownError", "data": {"message": text[:5_000]}},
        }
        part = {"id": f"prt_b{number:02}", "sessionID": "s", "messageID": message_id, **field(text)}
        messages.append({"info": info, "parts": [part]})
    return {
        "info": {
            "id": "ses_x",
            "slug": "a",
            "projectID": "global",
            "directory": "/",
            "path": "",
            "title": "T " + " ".join(text[:200].split()),
            "version": "1",
            "time": {"created": 1_795_496_374_712, "updated": 1_795_496_374_712},
        },
        "messages": messages,
    }
