"""Files as people write them, and values that can't be used."""

from .setup import FOLDER, PROJECT, USER, Setup
from .users import ADA, OFF

LENIENT = {
    "comments and commas": Setup(
        {
            PROJECT: '{\n // one } ]\n "share": "disabled", /* } */\n "instructions": ["a.md", // ]\n ],\n'
            ' "agent": {"x": {"prompt": "a // b /* c */", },},\n}\n',
            "project/a.md": "A.",
        },
        agent="x",
    ),
    "byte-order mark": Setup({"project/opencode.jsonc": '\ufeff{"share": "disabled"}'}),
    "empty files": Setup({PROJECT: "", f"{USER}opencode.jsonc": "", f"{FOLDER}opencode.json": "{}"}),
    "variables outside of strings": Setup(
        {PROJECT: '{"username": {env:SETUP_QUOTED}, "agent": {"x": {"steps": {env:SETUP_NUMBER}}}}'}
    ),
    "variables in strings": Setup(
        {
            PROJECT: {
                "username": "{env:SETUP_WORD}-{env:SETUP_MISSING}",
                "agent": {"x": {"prompt": "Say {env:SETUP_WORD}.", "model": "local/{env:SETUP_MODEL}"}},
                "command": {"w": {"template": "{env:SETUP_WORD} $1"}},
            }
        },
        {"SETUP_MODEL": "warm"},
        agent="x",
    ),
    "files in strings": Setup(
        {
            PROJECT: {
                "agent": {
                    "x": {"prompt": "{file:./prompts/x.txt}"},
                    "y": {"prompt": "{file:prompts/y.md} end"},
                },
                "username": "{file:~/name.txt}",
            },
            "project/prompts/x.txt": '\n"Quoted" \\ and\n\ttabs {env:SETUP_WORD}\n\n',
            "project/prompts/y.md": "Y",
            **ADA,
        },
        agent="x",
    ),
    "file in a comment": Setup(
        {"project/opencode.jsonc": '{\n// "username": "{file:missing.txt}",\n"share": "disabled"}'}
    ),
    "model not set": Setup(
        {PROJECT: {"model": "", "small_model": "", "agent": {"x": {"model": "local/one", "prompt": "X"}}}},
        agent="x",
    ),
    "models without a provider": Setup(
        {PROJECT: {"small_model": "word", "agent": {"y": {"model": "word", "prompt": "Y"}}}}
    ),
    "default agent unknown": Setup(
        {PROJECT: {"agent": {"x": {"prompt": "X"}}, "default_agent": "plan"}}, agent="plan"
    ),
    "build disabled": Setup(
        {PROJECT: {"agent": {"build": {"disable": True}, "mine": {"prompt": "Mine.", "mode": "primary"}}}},
        agent="mine",
    ),
    "default agent of one's own": Setup(
        {PROJECT: {"default_agent": "mine", "agent": {"mine": {"mode": "primary", "prompt": "Mine."}}}},
        agent="mine",
    ),
    "unknown keys": Setup(
        {
            PROJECT: {
                "unknown": 1,
                "agents": {},
                "theme": "dark",
                "keybinds": {"leader": "x"},
                "tui": {},
                "agent": {"x": {"prompt": "X", "colour": "red", "thinking": {"type": "enabled"}}},
                "lsp": False,
                "formatter": {"prettier": {"disabled": True}},
                "watcher": {"ignore": ["x"]},
                "experimental": {"batch_tool": True, "hook": {}},
                "plugin": [],
                "enterprise": {"url": "https://example.com"},
            }
        },
        agent="x",
    ),
    "old names": Setup(
        {
            PROJECT: {
                "autoshare": True,
                "tools": {"webfetch": False, "write": False, "patch": True},
                "mode": {"plan": {"prompt": "Old plan."}},
                "agent": {"x": {"maxSteps": 5, "tools": {"*": False, "todowrite": True}, "prompt": "X"}},
                "layout": "auto",
            }
        },
        agent="x",
    ),
    "servers of all kinds": Setup(
        {
            PROJECT: {
                "mcp": {
                    "off": OFF,
                    "switched-off-elsewhere": {"enabled": False},
                    "local-off": {"type": "local", "command": ["nothing"], "enabled": False},
                    "no-type": {"command": ["x"], "enabled": True},
                    "no-program": {"type": "local", "command": ["/no/such/program"]},
                    "no-server": {"type": "remote", "url": "http://127.0.0.1:9/mcp", "oauth": False},
                    "words": {"type": "local", "command": "npx x", "enabled": True},
                }
            }
        }
    ),
    "server completed by another file": Setup(
        {
            **ADA,
            PROJECT: {"mcp": {"far": {"enabled": False, "timeout": 1000}, "two": {"enabled": False}}},
        }
    ),
    "second form": Setup(
        {
            PROJECT: {
                "agents": {
                    "new": {
                        "system": "New prompt.",
                        "model": "local/warm#high",
                        "mode": "primary",
                        "request": {"body": {"top_k": 5}},
                        "description": "New",
                    },
                    "off": {"disabled": True},
                },
                "commands": {
                    "hello": {"template": "Hello $1", "model": {"providerID": "local", "model": "one"}}
                },
                "snapshots": False,
                "skills": ["extra-skills"],
                "compaction": {"keep": {"tokens": 100}, "buffer": 200},
                "experimental": {"subagent_depth": 2},
                "mcp": {
                    "servers": {"late": {"type": "local", "command": ["x"], "disabled": True}},
                    "timeout": {"catalog": 3000, "execution": 3000},
                },
            },
            "project/extra-skills/s/SKILL.md": "---\nname: s\ndescription: S\n---\nS.",
        },
        agent="new",
    ),
    "second form beside the first": Setup(
        {
            PROJECT: {
                "agent": {"x": {"prompt": "First."}},
                "agents": {"x": {"system": "Second."}, "y": {"system": "Y."}, "z": {"color": "red"}},
                "command": {"c": {"template": "First"}},
                "commands": {"c": {"template": "Second"}, "d": {"template": 1}},
                "snapshot": True,
                "snapshots": False,
                "model": {"providerID": "local", "model": "warm"},
            }
        },
        agent="x",
    ),
}
