"""MCP servers that are connected: their tools, prompts and instructions."""

import sys
from typing import Any

from .setup import PROJECT, Setup

_PROGRAM = """import json, sys
SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "description": "Words"}},
          "required": ["text"], "additionalProperties": False}
ANSWERS = {
    "tools/list": {"tools": [
        {"name": "say", "description": "Say it.", "inputSchema": SCHEMA},
        {"name": "odd name!", "description": "Odd.", "inputSchema": {"type": "object", "properties": {}}},
    ]},
    "prompts/list": {"prompts": [
        {"name": "greet", "description": "Greets", "arguments": [{"name": "whom"}, {"name": "how"}]},
    ]},
    "prompts/get": {"messages": [{"role": "user", "content": {"type": "text", "text": "Greet."}}]},
}
for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    if request["method"] == "initialize":
        result = {"protocolVersion": request["params"]["protocolVersion"], "serverInfo":
                  {"name": "probe", "version": "1"}, "capabilities": {"tools": {}, "prompts": {}},
                  "instructions": "Say little.\\nSay it well."}
    else:
        result = ANSWERS.get(request["method"], {})
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""


def _server(name: str = "probe", **options: Any) -> dict[str, Any]:
    return {name: {"type": "local", "command": [sys.executable, "server.py"], **options}}


SERVERS = {
    "MCP server": Setup({PROJECT: {"mcp": _server()}, "project/server.py": _PROGRAM}),
    "MCP server in a folder, of an odd name": Setup(
        {
            PROJECT: {"mcp": _server("my probe.1", cwd="tools", environment={"A": "1"})},
            "project/tools/server.py": _PROGRAM,
        }
    ),
    "MCP tools denied": Setup(
        {
            PROJECT: {
                "mcp": {**_server(), **_server("other")},
                "tools": {"probe_*": False},
                "agent": {"x": {"prompt": "X", "tools": {"probe_say": True, "other*": False}}},
            },
            "project/server.py": _PROGRAM,
        },
        agent="x",
    ),
    "MCP tools and explore": Setup(
        {PROJECT: {"mcp": _server()}, "project/server.py": _PROGRAM}, agent="explore"
    ),
}
