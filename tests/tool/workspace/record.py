"""Records what opencode's published server answers to the cases: `python -m tests.tool.workspace.record`.

It needs `.clients` (tests/clients/install.sh) and ripgrep on PATH, which opencode would download otherwise.
What is recorded already is kept: delete it from the file to record it again.
"""

import asyncio
import hashlib
import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.llm.server import LLM, Answer, Request
from tests.opencode_server import opencode_server

from .cases import CASES, Case, content_bytes

RECORDED = Path(__file__).parents[2] / "fixtures" / "workspace_tools.json"
MAX_TEXT = 2_000
"""Characters of a text that are kept; a longer one is kept as its two ends, its length and its digest."""

TOOLS = ("read", "glob", "grep", "edit", "write", "apply_patch")

CONFIG = {
    "model": "local/one",
    "autoupdate": False,
    # Its own list of questions fails for a search without a path.
    "permission": {"*": "ask", "glob": "allow", "grep": "allow"},
    "provider": {
        "local": {
            "name": "Local",
            "npm": "@ai-sdk/openai-compatible",
            "models": {name: {"name": name} for name in ("one", "gpt-5")},
        }
    },
}


def shape(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a JSON Schema of an input demands, without its words."""
    kept = {key: schema[key] for key in ("type", "minimum", "required") if key in schema}
    if "properties" in schema:
        kept["properties"] = {name: shape(each) for name, each in schema["properties"].items()}
    return kept


def shortened(value: Any, root: str) -> Any:
    """Return JSON with `$ROOT` in the place of the folder, and with long texts cut."""
    if isinstance(value, dict):
        return {key: shortened(each, root) for key, each in value.items()}
    if isinstance(value, list):
        return [shortened(each, root) for each in value]
    if not isinstance(value, str):
        return value
    text = value.replace(root, "$ROOT")
    if len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"head": text[:300], "tail": text[-300:], "characters": len(text), "sha256": digest}


def files_in(root: Path) -> dict[str, str]:
    """Return the files in a folder; each byte is one character."""
    return {
        str(path.relative_to(root)): path.read_bytes().decode("latin-1")
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def set_up(case: Case, root: Path) -> None:
    """Write the files of a case into a repository."""
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for name, content in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_bytes(content))


def filled_in(case: Case, root: Path) -> dict[str, Any]:
    """Return the input of a case for a folder."""
    return json.loads(json.dumps(case.input).replace("$ROOT", str(root)))  # type: ignore[no-any-return]


async def _record(client: httpx.AsyncClient, llm: LLM, case: Case, root: Path) -> dict[str, Any]:
    set_up(case, root)
    before = files_in(root)
    answers = [Answer(tools=((case.tool, filled_in(case, root)),)), Answer(text="Done.")]

    def answer(request: Request) -> Answer:
        if not request.has_tools:
            return Answer(text="A title")
        return answers.pop(0) if answers else Answer(text="Done.")

    llm.on(case.model, answer)
    client.headers["x-opencode-directory"] = str(root)
    session = (await client.post("/session", json={})).json()["id"]
    asked: list[dict[str, Any]] = []

    async def allow() -> None:
        while True:
            pending = (await client.get("/permission")).json()
            for request in pending if isinstance(pending, list) else ():
                names = ("permission", "patterns", "always", "metadata")
                asked.append({name: request[name] for name in names})
                await client.post(f"/permission/{request['id']}/reply", json={"reply": "once"})
            await asyncio.sleep(0.05)

    allowing = asyncio.create_task(allow())
    try:
        body = {
            "parts": [{"type": "text", "text": "go"}],
            "model": {"providerID": "local", "modelID": case.model},
        }
        await client.post(f"/session/{session}/message", json=body)
    finally:
        allowing.cancel()
        with suppress(asyncio.CancelledError):
            await allowing
    messages = (await client.get(f"/session/{session}/message")).json()
    if not any(part["type"] == "tool" for message in messages for part in message["parts"]):
        raise SystemExit(f"no call: {json.dumps(messages)[:2000]}")
    (part,) = [part for message in messages for part in message["parts"] if part["type"] == "tool"]
    state = {key: value for key, value in part["state"].items() if key not in ("time", "input")}
    for attachment in state.get("attachments", []):
        for key in ("id", "sessionID", "messageID"):
            attachment.pop(key, None)
    after = files_in(root)
    changed = {name: after.get(name) for name in {*before, *after} if before.get(name) != after.get(name)}
    return {
        "tool": part["tool"],
        **shortened(state, str(root)),
        "asked": shortened(asked, str(root)),
        "changed": dict(sorted(changed.items())),
    }


async def main() -> None:
    known = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    recorded: dict[str, Any] = {name: each for name, each in known.get("cases", {}).items() if name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        async with LLM() as llm:
            home = Path(folder) / "home"
            config = json.loads(json.dumps(CONFIG))
            config["provider"]["local"]["options"] = {"baseURL": f"{llm.url}/v1", "apiKey": "none"}
            (home / ".config" / "opencode").mkdir(parents=True)
            (home / ".config" / "opencode" / "opencode.json").write_text(json.dumps(config))
            async with opencode_server(home, {}) as url:
                async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as client:
                    for number, (name, case) in enumerate(CASES.items()):
                        if name in recorded:
                            continue
                        root = Path(folder) / f"case{number}"
                        root.mkdir()
                        recorded[name] = await _record(client, llm, case, root)
                        print(name, recorded[name]["status"], flush=True)
                        RECORDED.write_text(json.dumps({"cases": recorded}))
                offered = known.get("offered") or {
                    model: {
                        tool["function"]["name"]: shape(tool["function"]["parameters"])
                        for request in llm.requests
                        if request.body["model"] == model
                        for tool in request.body.get("tools", ())
                        if tool["function"]["name"] in TOOLS
                    }
                    for model in ("one", "gpt-5")
                }
    RECORDED.write_text(
        json.dumps({"offered": offered, "cases": recorded}, indent=1, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
