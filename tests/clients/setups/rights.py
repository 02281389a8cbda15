"""Permissions and tools: who may do what, and which tools a model is offered."""

from .setup import FOLDER, PROJECT, Setup
from .users import ADA

RIGHTS = {
    "one word for all": Setup({PROJECT: {"permission": "allow"}}),
    "everything denied": Setup({PROJECT: {"permission": "deny"}}),
    "one word for an agent": Setup(
        {PROJECT: {"permission": {"webfetch": "deny"}, "agent": {"x": {"permission": "ask", "prompt": "X"}}}},
        agent="x",
    ),
    "last rule counts": Setup(
        {
            PROJECT: {
                "permission": {"*": "deny", "todowrite": "allow", "webfetch": "deny", "w*": "allow"},
            }
        }
    ),
    "first rule counts less": Setup(
        {PROJECT: {"permission": {"webfetch": "allow", "task": "allow", "*": "ask", "t*": "deny"}}}
    ),
    "tools are permissions": Setup(
        {
            PROJECT: {
                "tools": {"webfetch": False, "write": True, "edit": False, "mcp_*": False},
                "permission": {"webfetch": "ask", "bash": {"*": "ask", "git *": "allow"}},
                "agent": {"x": {"tools": {"webfetch": True, "task": False}, "prompt": "X"}},
            }
        },
        agent="x",
    ),
    "tools and permissions of several files": Setup(
        {
            **ADA,
            PROJECT: {
                "permission": {"bash": {"*": "ask"}, "task": "allow"},
                "tools": {"webfetch": False},
                "agent": {"x": {"permission": {"webfetch": "allow", "task": "deny"}, "prompt": "X"}},
            },
            f"{FOLDER}opencode.jsonc": (
                '{"permission": {"bash": {"rm *": "deny"}}, "agent": {"x": {"tools": {"webfetch": false}}}}'
            ),
        },
        agent="x",
    ),
    "permission word and map": Setup(
        {
            **ADA,
            PROJECT: {"permission": "ask"},
            f"{FOLDER}opencode.json": {"permission": {"bash": "allow"}},
        }
    ),
    "paths of the home": Setup(
        {
            PROJECT: {
                "permission": {
                    "external_directory": {"~/secret/**": "deny", "$HOME/open/*": "allow", "/srv/*": "ask"},
                    "read": {"~": "deny"},
                }
            }
        }
    ),
    "explore may use more": Setup(
        {PROJECT: {"agent": {"explore": {"permission": {"todowrite": "allow"}, "tools": {"skill": True}}}}},
        agent="explore",
    ),
    "general": Setup({PROJECT: {"permission": {"todowrite": "allow"}}}, agent="general"),
    "plan": Setup({PROJECT: {"permission": {"edit": "allow", "task": "deny"}}}, agent="plan"),
    "subagents chosen": Setup(
        {
            PROJECT: {"permission": {"task": {"*": "deny", "review-*": "allow"}}},
            f"{FOLDER}agent/review-code.md": "---\nmode: subagent\ndescription: Code\n---\nCode.",
            f"{FOLDER}agent/other.md": "---\nmode: subagent\ndescription: Other\n---\nOther.",
        }
    ),
    "no tools at all": Setup(
        {f"{FOLDER}agent/talker.md": "---\ntools:\n  '*': false\n---\nTalk only."}, agent="talker"
    ),
    "questions and doom loop": Setup(
        {PROJECT: {"permission": {"question": "deny", "doom_loop": "allow", "plan_enter": "deny"}}}
    ),
}
