"""A program that speaks the older MCP revision by hand, and misbehaves as its argument says.

silent: never answers. ends: ends at once. garbage: answers with what is no message. flood: fills its standard
error first. endless: writes a line that does not end. strays: writes lines without end.
noisy: writes to its standard error.
listing: answers the listing of its tools wrongly. odd: has tools that no provider takes. deaf: stops reading
after the first call. stubborn: does not end when it is told to, and has a child. mute: has prompts, and does
not say which. modest: behaves.
"""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

MODE = sys.argv[1]

INSTRUCTIONS = "Say everything twice. " * 1000

TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "description": "Say it again.", "inputSchema": {"type": "object"}},
    {"name": "wrong", "description": "Give no result.", "inputSchema": {"type": "object"}},
    {"name": "refuse", "description": "Refuse.", "inputSchema": {"type": "object"}},
    {"name": "slow", "description": "Tell of progress.", "inputSchema": {"type": "object"}},
]

ODD_TOOLS = [
    {"name": "bad schema", "inputSchema": {"type": "object", "properties": {"a": {"type": "nothing"}}}},
    {"name": "bad field", "inputSchema": {"type": "object", "properties": {"a b": {"type": "string"}}}},
    {"name": "n" * 80, "inputSchema": {"type": "object"}},
    {"name": "chatty", "description": "x" * 100_000, "inputSchema": {"type": "object"}},
    {"name": "huge", "inputSchema": {"properties": {f"field{n}": {"title": "x" * 200} for n in range(500)}}},
    {"name": 5},
    {"description": "nameless"},
    "no tool at all",
    {"name": "bad schema"},
    {"name": "bad.schema"},
    {"name": "none"},
    {"name": "null", "description": None, "annotations": 3, "inputSchema": None, "outputSchema": 4},
    {"name": "either", "inputSchema": {"type": "object", "anyOf": [{"required": ["a"]}]}},
    {"name": "free", "inputSchema": {"type": "object", "properties": {"any": True, "list": {"items": {}}}}},
]


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    match request["method"]:
        case "initialize":
            version = request["params"]["protocolVersion"]
            about = {"name": "liar", "version": "1"}
            can: dict[str, Any] = {"tools": {}, **({"prompts": {}} if MODE == "mute" else {})}
            if MODE == "odd":
                about, can = {}, {"tools": True, "prompts": None, "odd": 1}
            said = {"protocolVersion": version, "capabilities": can, "serverInfo": about}
            return {"result": {**said, **({"instructions": INSTRUCTIONS} if MODE == "noisy" else {})}}
        case "tools/list":
            tools: Any = {"listing": "none", "odd": TOOLS[:1] + ODD_TOOLS}.get(MODE, TOOLS)
            return {"result": {"tools": tools}}
        case "tools/call":
            return called(request["params"])
    return {"error": {"code": -32601, "message": "Method not found"}}


def called(params: dict[str, Any]) -> dict[str, Any]:
    match params["name"]:
        case "wrong":
            return {"result": {"content": "none"}}
        case "refuse":
            return {"error": {"code": -32602, "message": f"not with {os.environ.get('PROBE_SECRET')}"}}
        case "slow":
            for step in range(params["arguments"]["steps"]):
                time.sleep(params["arguments"]["pause"])
                progress = {"progressToken": params["_meta"]["progressToken"], "progress": step}
                send({"method": "notifications/progress", "params": progress})
    text = json.dumps(params.get("arguments"))
    return {"result": {"content": [{"type": "text", "text": f"{os.getpid()} {text}"}]}}


def main() -> None:
    if MODE == "ends":
        sys.exit(4)
    if MODE == "noisy":
        for number in range(100):
            sys.stderr.write(f"line {number} with {os.environ.get('PROBE_SECRET')}\r\n")
        sys.stderr.write("a \x1b[31mcolour, and no end")
        sys.stderr.flush()
    if MODE == "flood":
        sys.stderr.write("x" * 10_000_000)
    while MODE in ("endless", "strays"):
        os.write(1, b"x" * 65536 + (b"\n" if MODE == "strays" else b""))
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        TOOLS[0]["description"] = str(child.pid)
    for line in sys.stdin:
        request = json.loads(line)
        mute = MODE == "mute" and request["method"] == "prompts/list"
        if MODE == "silent" or mute or "id" not in request:
            continue
        if MODE == "garbage":
            sys.stdout.write("what?\n")
            sys.stdout.flush()
            continue
        send({"id": request["id"], **answer(request)})
        if MODE == "deaf" and request["method"] == "tools/call":
            time.sleep(600)
    if MODE == "stubborn":
        time.sleep(600)


main()
