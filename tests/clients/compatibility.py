"""Makes docs/compatibility.md: `python -m tests.clients.compatibility`."""

import tempfile
from pathlib import Path

from opencode.config import Settings
from opencode.server.app import create_app

from .contract import document, routes, shape

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"

DIFFERENT = {
    "GET /config": "secrets are left out; `model` is always told",
    "GET /global/config": "the same as `GET /config`: there is one configuration",
    "POST /session/{sessionID}/message": (
        'also takes `{"content"}`, and answers as events where `Accept` or that form asks for them; '
        "a model that is not there is a 400 that names the nearest ones"
    ),
    "GET /session/{sessionID}/message": "`before` takes a message's id as well as a cursor",
    "GET /session/{sessionID}/diff": "always empty: nothing here changes files",
    "POST /session/{sessionID}/revert": "takes the conversation back, and no files",
    "POST /session/{sessionID}/unrevert": "brings the conversation forth again, and no files",
    "POST /session/{sessionID}/share": "the link leads to this server",
    "GET /permission": "also while one waits",
    "GET /project": "one project, the server's own",
    "GET /skill": "always empty: there are no skills",
    "GET /event": "events have `id:` lines; `Last-Event-ID` brings what was missed",
    "GET /global/event": "events have `id:` lines; `Last-Event-ID` brings what was missed",
    "POST /mcp": "only where the server has a password, for a server of its own may be started by it",
    "PUT /auth/{providerID}": "API keys only; kept readable by the server's user alone",
}

ABSENT = {
    "PATCH /config": "opencode.json is read at start",
    "PATCH /global/config": "opencode.json is read at start",
    "POST /global/dispose": "the server is stopped by a signal",
    "POST /instance/dispose": "the server is stopped by a signal",
    "POST /log": "clients have no say in the server's log",
    "POST /mcp/{name}/auth": "MCP servers are given their credentials in opencode.json",
    "DELETE /mcp/{name}/auth": "MCP servers are given their credentials in opencode.json",
    "POST /mcp/{name}/auth/authenticate": "MCP servers are given their credentials in opencode.json",
    "POST /mcp/{name}/auth/callback": "MCP servers are given their credentials in opencode.json",
    "POST /project/git/init": "there is no repository",
    "PATCH /project/{projectID}": "there is one project, which has no name",
    "GET /project/{projectID}/directories": "there is one directory",
    "POST /provider/{providerID}/oauth/authorize": "providers are connected by key",
    "POST /provider/{providerID}/oauth/callback": "providers are connected by key",
    "POST /session/{sessionID}/init": "there is no source code to look at",
    "POST /session/{sessionID}/shell": "there is no shell",
}

SCREENS = {
    "start: home, `--continue`, `--session`, `--fork`, a session that is not there": "same",
    "`/undo`, `/redo`, a prompt after them": "same, with what the session costs then; no files",
    "`/models`, `/variants`, `/agents`, Tab": "same",
    "`/sessions`: open, rename, delete": "same",
    "`/fork`, whole and before a message": (
        "same: two forks of one session are both `(fork #1)`. A fork keeps its origin's agent and model, "
        "which opencode drops"
    ),
    "`/compact`": "same",
    "a command: `$ARGUMENTS`, `$1`, `agent`, `model`, `subtask`, of a subagent": (
        "same. opencode also has `/init`, `/review` and its skills: here is no source code"
    ),
    "`/mcps`: list, on and off; a tool called; prompts as commands": (
        "same. Why a server failed is said in more words. It fills in a prompt's arguments itself; opencode "
        "has it fill in `$1`, and puts the words in afterwards"
    ),
    "a task: its session, in and back out": (
        "same. A step's cost is told once the model has answered, not when its tools are done too"
    ),
    "a permission or a question turned down, a rule that denies": "same",
    "a model that answers 401": "same, and the message says where its key is set",
    "429, 500, 503: the tries, and an answer after them": "same",
    "an abort between two tries": "marked as interrupted; opencode leaves the message without an end",
    "a first prompt that overflows": (
        "an error at once, for there is nothing to condense; opencode shows a compaction that failed"
    ),
    "files: image, text": "same. opencode keeps a text's content as two parts more",
    "a prompt while another is answered": "same",
    "side bar: title, context, cost, MCP, todos": (
        "same, but for cached tokens without a price in opencode.json: billed as input here, as nothing there"
    ),
    "`/help`, `/status`, `/themes`, `/timeline`, `/thinking`, `/timestamps`, ctrl+p": "same",
    "`/skills`": "empty",
    "`/export`": "same",
    "`/share`, `/unshare`": (
        "the link leads to this server. Not compared: opencode's leads to a service of its makers"
    ),
    "title": "made once a model answers; opencode also names conversations whose model failed",
    "`run` and its options": "same, and the last text is printed: see below",
    "`run` with a model, a variant or a command that is not there": (
        "400 with the nearest names, exit code 1; opencode answers 500, exit code 1, and ignores the variant"
    ),
}
"""What the clients show here, beside opencode's own server."""

HEAD = """\
# Compatibility with opencode

opencode's own clients work on this server as they are published: its terminal interface (`opencode attach`),
its command line (`opencode run --attach`) and its SDKs for JavaScript (`@opencode-ai/sdk`) and Python
(`opencode-ai`). `tests/clients` holds them to it: the programs themselves, on a running server.

## Routes
Those of opencode {version}'s v1 API document. What is served fits that document's schemas:
`tests/clients/test_contract.py` checks every answer and every event, and that this page is current
(`python -m tests.clients.compatibility` makes it). What is not served answers with 404, or 405 where the same
address is served for another method, and opencode's own form of an error:
`{{"name": "NotFoundError", "data": {{"message"}}}}`.

A request that can't be understood gets a 400 in the same form; its message says what to change.

| route | here | how it differs |
|---|---|---|
"""

SIDE_BY_SIDE = """
## Side by side
What the clients show on opencode {version}'s server and on this one, with one opencode.json and one scripted
model behind both. *Same*: the same words in the same places.

| screen | here |
|---|---|
"""

TAIL = """
`opencode run --attach` prints what it has heard by the time that its prompt is answered. Of ten answers
each, on one busy machine, it printed the last text nine times here and once with opencode's server. Its
options were compared one by one: `--format json`, `-c`, `-s`, `--fork`, `--title`, `--agent`, `-f`,
`--command`, `--thinking`, `--variant`, `--share`. `opencode session list`, `export`, `models` and `stats`
have no `--attach`: they read the files of their own machine.

## Where the clients differ from what one may expect
- `opencode run --attach` looks at no error but its own request's, so on opencode's server it ends with 0
  where the model failed. Here the request fails too, with status 502, in the sessions that it makes (they
  are known by what they deny: `question`, `plan_enter`, `plan_exit`), so it ends with 1 and tells the error
  twice. Going on with somebody else's session (`-s`, `-c`), it ends with 0 here as well.
- The terminal interface asks for `/api/*`, `/experimental/*`, `/lsp`, `/formatter` and `/vcs` at its start,
  gets 404 and goes on.
- `opencode-ai` 0.1.0a36 for Python is older than the API: its `session.chat` gives an object with `info`
  and `parts` where its type says otherwise, as on opencode's own server. Its `app.get`, `app.init`,
  `app.log`, `app.modes`, `find`, `file` and `tui` calls have no counterpart here and raise `NotFoundError`.
- Of `@opencode-ai/sdk`'s two clients both work: the first (`@opencode-ai/sdk`) and the second
  (`@opencode-ai/sdk/v2`), which the terminal interface itself uses. The second one's `v2` part speaks of
  routes below `/api`, which answer with 404.
"""


def served() -> set[str]:
    """Return the shapes of all routes that this server has."""
    with tempfile.TemporaryDirectory() as directory:
        app = create_app(Settings.load({"OPENCODE_DATA_DIR": directory, "HOME": directory}))
    rules = app.url_map.iter_rules()
    return {f"{method} {shape(rule.rule)}" for rule in rules for method in rule.methods or ()}


def page() -> str:
    """Return the page as it should be."""
    ours = served()
    rows = []
    for route in sorted(routes(), key=lambda route: (route.split(" ")[1], route)):
        if shape(route) not in ours:
            rows.append(f"| `{route}` | not served | {ABSENT[route]} |")
        elif route in DIFFERENT:
            rows.append(f"| `{route}` | served differently | {DIFFERENT[route]} |")
        else:
            rows.append(f"| `{route}` | served | |")
    version = document()["info"]["version"]
    screens = [f"| {screen} | {here} |" for screen, here in SCREENS.items()]
    return "".join(
        (
            HEAD.format(version=version),
            *(f"{row}\n" for row in rows),
            SIDE_BY_SIDE.format(version=version),
            *(f"{screen}\n" for screen in screens),
            TAIL,
        )
    )


if __name__ == "__main__":
    PAGE.write_text(page())
