"""Where a set-up is looked for, and which of two places counts."""

from .setup import FOLDER, PROJECT, USER, Setup
from .users import ADA

PLACES = {
    "nothing": Setup({}),
    "user and project": Setup(
        {
            **ADA,
            PROJECT: {"instructions": ["project.md", "user.md"], "share": "manual"},
            "project/user.md": "User's.",
            "project/project.md": "Project's.",
        }
    ),
    "json and jsonc": Setup(
        {
            **ADA,
            "project/opencode.jsonc": '{"snapshot": false, // both\n}',
            PROJECT: {"snapshot": True, "layout": "auto"},
            f"{FOLDER}opencode.json": {"layout": "stretch", "compaction": {"auto": True}},
            f"{FOLDER}opencode.jsonc": '{"compaction": {"prune": true}}',
        }
    ),
    "three agents": Setup(
        {
            **ADA,
            f"{FOLDER}agent/one.md": "---\ndescription: Project's\n---\nProject's prompt.",
            PROJECT: {"agent": {"one": {"steps": 4, "prompt": "File's prompt.", "top_p": 0.3}}},
        },
        agent="one",
    ),
    "folder above": Setup(
        {
            "opencode.json": {"username": "above", "instructions": ["RULES.md"]},
            "RULES.md": "Rules above.",
            ".opencode/agent/above.md": "Above.",
            ".opencode/command/above.md": "Above: $1",
            "project/opencode.json": {"share": "disabled"},
            "project/.opencode/agent/below.md": "Below.",
        },
        repository=".",
    ),
    "deep in a repository": Setup(
        {
            "project/packages/app/opencode.json": {"instructions": ["app.md", "docs/*.md"]},
            "project/packages/app/app.md": "App.",
            "project/docs/root.md": "Root.",
            "project/packages/docs/packages.md": "Packages.",
            "project/opencode.json": {"agent": {"deep": {"prompt": "Deep."}}},
            "project/packages/app/.opencode/agent/deep.md": "---\nmode: primary\n---\nDeeper.",
            "project/AGENTS.md": "Root rules.",
            "project/packages/app/AGENTS.md": "App rules.",
        },
        repository="project",
        directory="project/packages/app",
        agent="deep",
    ),
    "named file": Setup(
        {
            PROJECT: {"username": "project", "share": "disabled"},
            "own/own.json": {"username": "own", "share": "auto", "instructions": ["a.md"]},
            "project/a.md": "A.",
        },
        {"OPENCODE_CONFIG": "own/own.json"},
    ),
    "content": Setup(
        {PROJECT: {"instructions": ["a.md"], "agent": {"x": {"prompt": "File."}}}, "project/a.md": "A."},
        {
            "OPENCODE_CONFIG_CONTENT": '{"instructions": ["a.md", "b.md"], "autoshare": true,'
            ' "agent": {"x": {"prompt": "Content.", "mode": "primary"}}, // last\n}'
        },
        agent="x",
    ),
    "further folder": Setup(
        {
            "further/opencode.json": {"username": "further"},
            "further/agents/quiet.md": "Quiet.",
            "further/AGENTS.md": "Further rules.",
            f"{USER}AGENTS.md": "User's rules.",
            PROJECT: {"username": "project"},
            "home/.opencode/commands/a/b.md": "Do $ARGUMENTS",
            "home/.opencode/opencode.json": {"layout": "stretch"},
        },
        {"OPENCODE_CONFIG_DIR": "further"},
        agent="quiet",
    ),
    "permission variable": Setup(
        {PROJECT: {"permission": {"webfetch": "allow", "bash": {"*": "ask", "git *": "allow"}}}},
        {"OPENCODE_PERMISSION": '{"webfetch": "deny", "bash": {"rm *": "deny"}}'},
    ),
    "permission variable is no JSON": Setup(
        {PROJECT: {"permission": {"webfetch": "deny"}}}, {"OPENCODE_PERMISSION": "{webfetch: allow"}
    ),
    "project left out": Setup(
        {
            PROJECT: {"username": "project"},
            f"{FOLDER}agent/gone.md": "Gone.",
            f"{USER}opencode.json": {"username": "user"},
            "project/AGENTS.md": "Rules.",
        },
        {"OPENCODE_DISABLE_PROJECT_CONFIG": "1"},
    ),
}
