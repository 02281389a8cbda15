"""Generate docs/compatibility.md: `python -m tests.clients.compatibility`."""

import tempfile
from pathlib import Path

from opencode.config import Settings
from opencode.server.app import create_app

from .contract import document, routes, shape

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"

DIFFERENT = {
    "GET /agent": (
        "built-in agents have descriptions and prompts of this server; a `model` without a provider is left "
        "out; fields without a value are left out, not null"
    ),
    "GET /command": (
        "without `init` and `review`; fields without a value are left out, not null; the template of an MCP "
        "server's prompt is its arguments, opencode has `{}`"
    ),
    "GET /mcp": "an entry that is no MCP server is listed as failed, with the reason; opencode ignores it",
    "GET /config": (
        "secrets are left out; `{env:…}` and `{file:…}` are shown as they are written; without a Git "
        "repository the folders above the project have no part in it; `model` and `share` are always there; "
        "of a list of models the first, the others in `agent.<name>.fallbacks`"
    ),
    "GET /global/config": "the same as `GET /config`: there is one configuration",
    "PATCH /config": (
        "`model`, `small_model`, `default_agent`, `disabled_providers` and providers that are added; kept in "
        "the data directory, not in opencode.json; `null` removes a value; only with a password, or where "
        "only this machine is served"
    ),
    "PATCH /global/config": "the same as `PATCH /config`",
    "POST /session/{sessionID}/message": (
        'also takes `{"content"}`; answers with events if that form or `Accept` asks for them; '
        "an unknown model is a 400 that names the nearest ones"
    ),
    "GET /session/{sessionID}/message": "`before` takes a message id or a cursor",
    "GET /session/{sessionID}/diff": (
        "empty without a workspace; with one all changes of the session, which opencode answers with nothing"
    ),
    "POST /session/{sessionID}/revert": (
        "takes back the changes of tools only (opencode: of the whole folder); a file that somebody else has "
        "changed since is left as it is, with a notice. Without a workspace the conversation only"
    ),
    "POST /session/{sessionID}/unrevert": "as `revert`",
    "POST /session/{sessionID}/share": "the link leads to this server",
    "GET /permission": "lists waiting `webfetch` requests too; opencode answers 400 for these",
    "GET /project": "one project: the server's own",
    "GET /skill": "without opencode's built-in `customize-opencode`",
    "GET /event": "events have `id:` lines; `Last-Event-ID` replays missed events",
    "GET /global/event": "events have `id:` lines; `Last-Event-ID` replays missed events",
    "POST /mcp": "only the kinds in `OPENCODE_ALLOW_MCP` and with a password set: a local one is a program",
    "PUT /auth/{providerID}": "API keys only; stored readable by the server's user only",
}

ABSENT = {
    "POST /global/dispose": "a signal stops the server",
    "POST /instance/dispose": "a signal stops the server",
    "POST /log": "clients can't write to the server's log",
    "POST /mcp/{name}/auth": "credentials of MCP servers are in opencode.json",
    "DELETE /mcp/{name}/auth": "credentials of MCP servers are in opencode.json",
    "POST /mcp/{name}/auth/authenticate": "credentials of MCP servers are in opencode.json",
    "POST /mcp/{name}/auth/callback": "credentials of MCP servers are in opencode.json",
    "POST /project/git/init": "there is no repository",
    "PATCH /project/{projectID}": "there is one project, without a name",
    "GET /project/{projectID}/directories": "there is one directory",
    "POST /provider/{providerID}/oauth/authorize": "providers are connected by key",
    "POST /provider/{providerID}/oauth/callback": "providers are connected by key",
    "POST /session/{sessionID}/init": "there is no source code",
    "POST /session/{sessionID}/shell": "there is no shell",
}

SCREENS = {
    "start: home, `--continue`, `--session`, `--fork`, an unknown session": "same",
    "`/undo`, `/redo`, a prompt after them": "same, with updated session cost; no files",
    "`/models`, `/variants`, `/agents`, Tab": "same",
    "`/sessions`: open, rename, delete": "same",
    "`/fork`, whole and before a message": (
        "same: two forks of one session are both `(fork #1)`. A fork keeps the agent and model of its "
        "origin; opencode drops them"
    ),
    "`/compact`": "same",
    "a command: `$ARGUMENTS`, `$1`, `agent`, `model`, `subtask`, of a subagent": (
        "same. opencode also has `/init` and `/review`; this server has no source code. ``!`program` `` is "
        "replaced by a line that says it was not run, and a last line names each `@file` that was not read "
        "(without a workspace: all)"
    ),
    "`GET /agent`: `permission`": (
        "same, without `external_directory` rules for directories of opencode's own and of skills"
    ),
    "the `skill` tool": (
        "same, with `file`: a file beside the SKILL.md, which opencode's models read with `read`"
    ),
    "with `OPENCODE_WORKSPACE`: `read`, `glob`, `grep`, `edit`, `write`, `apply_patch`": (
        "same inputs, outputs, metadata and questions (177 calls, tests/fixtures/workspace_tools.json). "
        "There is `list` too, which earlier versions of opencode had. Files outside are refused without a "
        "question. grep and glob tell of a missing folder and a malformed pattern, and of one file search "
        "that file alone. Expressions are RE2's. `$&` in a text is no pattern, a file that is not UTF-8 is "
        "not changed in part, a patch's lines end as the file's, and its sections for one file build on "
        "each other"
    ),
    "`/mcps`: list, on and off; a tool called; prompts as commands": (
        "same. The reason of a failure is more detailed. Arguments are passed to the MCP prompt; opencode "
        "passes `$1` and replaces it afterwards"
    ),
    "a task: opening its session and going back": (
        "same. A step's cost is reported when the model has answered; opencode waits for its tools"
    ),
    "a rejected permission or question, a rule that denies": "same",
    "a model that answers 401": "same, and the message says where the key is set",
    "429, 500, 503: the retries, and the answer after them": "same",
    "an abort between two retries": "marked as interrupted; opencode leaves the message unfinished",
    "a first prompt that overflows": (
        "an error at once, because there is nothing to compact; opencode shows a failed compaction"
    ),
    "files: image, text": "same. opencode stores the content of a text file as two more parts",
    "a prompt while another one is being answered": "same",
    "side bar: title, context, cost, MCP, todos": (
        "same, except cached tokens without a price in opencode.json: billed as input here, not at all there"
    ),
    "`/help`, `/status`, `/themes`, `/timeline`, `/thinking`, `/timestamps`, ctrl+p": "same",
    "`/skills`": "same, without `customize-opencode`",
    "`/export`": "same",
    "`/share`, `/unshare`": (
        "the link leads to this server. Not compared: opencode's leads to its makers' service"
    ),
    "title": "generated once a model answers; opencode also titles conversations whose model failed",
    "`run` and its options": "same, and the last text is printed, see below",
    "`run` with an unknown model, variant or command": (
        "400 with the nearest names, exit code 1; opencode answers 500, exit code 1, and ignores the variant"
    ),
}
"""What the clients show with this server, compared with opencode's own."""

HEAD = """\
# Compatibility with opencode

opencode's own clients work on this server as they are published: its terminal interface (`opencode
attach`), its command line (`opencode run --attach`) and its SDKs for JavaScript (`@opencode-ai/sdk`) and
Python (`opencode-ai`). `tests/clients` runs these programs against a running server. They are the clients
of opencode 1; those of OpenCode 2 speak another API, which this server does not serve yet.

## Routes
The routes of opencode {version}'s v1 API document. Served routes match its schemas:
`tests/clients/test_contract.py` checks every answer and every event, and that this page is current (`python
-m tests.clients.compatibility` generates it). Other routes answer with 404, or 405 if the path is served
for another method, in opencode's error format: `{{"name": "NotFoundError", "data": {{"message"}}}}`.

An invalid request gets a 400 in the same format; its message says what to change.

| route | this server | difference |
|---|---|---|
"""

WORKSPACE = """
## With a workspace
`OPENCODE_WORKSPACE=read` or `write` adds these routes, which opencode always has.

| route | difference |
|---|---|
| `GET /file` | what is missing or outside is a 404, 400 or 403, not a 500; links are left out |
| `GET /file/content` | a file that is neither text nor an image is base64; opencode answers 500 for some |
| `GET /file/status` | always empty, as in opencode |
| `GET /find/file` | another order; letters in their order, without tolerance for other mistakes |
| `GET /find` | expressions are RE2's; a wrong one is a 400, not a 500 |
| `GET /find/symbol` | always empty: there are no language servers |

A fork has no changes of files of its own to take back.
"""

SIDE_BY_SIDE = """
## Side by side
What the clients show with opencode {version}'s server and with this one, both with the same opencode.json
and the same scripted model. *Same* means the same words in the same places.

| screen | this server |
|---|---|
"""

SET_UPS = """
## Set-ups
`tests/clients/test_setups.py` has about 90 set-ups: configuration files in all places and forms; agents,
commands, modes and skills in Markdown; rights, rules, options of models. For each it compares `/config`,
`/agent`, `/command`, `/skill`, `/mcp` and the request that a model gets for a prompt with those of opencode
{version} in the same folder. Beside the differences above there are these:

| in the request | this server |
|---|---|
"""

REQUEST = {
    "the system prompt": (
        "instead of opencode's prompt and its `<env>` block (directory, platform, date) the prompt of this "
        "server and the date; an agent's own prompt, rules, instructions, MCP servers and skills are the "
        "same, in the same order. Skills are listed if there are any: opencode has one of its own"
    ),
    "tools": (
        "`question`, `skill`, `task`, `todowrite` and `webfetch` have the same names and inputs, but for "
        "`file` of `skill` (here) and `command` of `task` (opencode), and other descriptions. opencode's "
        "tools for files and programs are not here; `todoread` and `websearch` are. Tools of MCP servers are "
        "the same; opencode closes their inputs to other properties. A model with `tool_call: false` gets "
        "none here; opencode sends them all the same"
    ),
    "reminders": (
        "opencode adds a reminder to the prompts of `plan`, and an assistant's message to the last step; "
        "this server has it in the system prompt, with `tool_choice: none`"
    ),
    "options": (
        "without `limit.output` opencode asks for 32,000 tokens; this server leaves it to the provider. "
        "`setCacheKey` sends `prompt_cache_key`; opencode's field for OpenAI-compatible servers is "
        "`promptCacheKey`. Without `model` the first one of the configuration answers"
    ),
    "what has no effect here": (
        "plugins, custom tools, language servers, formatters, references and `skills.urls`: a line at the "
        "start names them. Settings that tools for files have, and of opencode's own programs, are ignored"
    ),
}
"""What a model is sent for the same set-up, compared with opencode's own server."""

TAIL = """
`opencode run --attach` prints the events that it has received when its prompt is answered. In ten runs each
on a busy machine it printed the last text nine times with this server and once with opencode's. These
options were compared one by one: `--format json`, `-c`, `-s`, `--fork`, `--title`, `--agent`, `-f`,
`--command`, `--thinking`, `--variant`, `--share`. `opencode session list`, `export`, `models` and `stats`
have no `--attach`: they read local files.

## Known limits of the clients
- `opencode run --attach` only looks at errors of its own request, so with opencode's server its exit code
  is 0 when the model fails. This server fails the request too, with status 502, in sessions that `opencode
  run` creates (it recognises them by their denied permissions: `question`, `plan_enter`, `plan_exit`). The
  exit code is then 1, and the error is printed twice. In other sessions (`-s`, `-c`) the exit code is 0
  here as well.
- The terminal interface requests `/api/*`, `/experimental/*`, `/lsp`, `/formatter` and `/vcs` at its start,
  gets 404 and continues.
- `opencode-ai` 0.1.0a36 for Python is older than the API: its `session.chat` returns an object with `info`
  and `parts`, which its type does not declare, as with opencode's own server. Its `app.get`, `app.init`,
  `app.log`, `app.modes`, `find`, `file` and `tui` calls have no counterpart here and raise `NotFoundError`.
- Both clients of `@opencode-ai/sdk` work: the first (`@opencode-ai/sdk`) and the second
  (`@opencode-ai/sdk/v2`), which the terminal interface uses. The `v2` part of the second one uses routes
  below `/api`, which answer with 404.
"""


def served() -> set[str]:
    """Return the shapes of all routes of this server."""
    with tempfile.TemporaryDirectory() as directory:
        app = create_app(Settings.load({"OPENCODE_DATA_DIR": directory, "HOME": directory}))
    rules = app.url_map.iter_rules()
    return {f"{method} {shape(rule.rule)}" for rule in rules for method in rule.methods or ()}


def page() -> str:
    """Return the text of the page."""
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
    screens = [f"| {screen} | {difference} |" for screen, difference in SCREENS.items()]
    requests = [f"| {part} | {difference} |" for part, difference in REQUEST.items()]
    return "".join(
        (
            HEAD.format(version=version),
            *(f"{row}\n" for row in rows),
            SET_UPS.format(version=version),
            *(f"{request}\n" for request in requests),
            WORKSPACE,
            SIDE_BY_SIDE.format(version=version),
            *(f"{screen}\n" for screen in screens),
            TAIL,
        )
    )


if __name__ == "__main__":
    PAGE.write_text(page())
