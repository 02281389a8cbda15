"""Ada: a user whose own set-up comes before that of many projects."""

from typing import Any

from .setup import USER

SKILL = "---\nname: {0}\ndescription: {1}\n---\n\n# {0}\n\nDo it well.\n"
OFF = {"type": "remote", "url": "http://127.0.0.1:9/mcp", "enabled": False}

ADA: dict[str, Any] = {
    f"{USER}opencode.json": {
        "username": "json",
        "autoupdate": False,
        "instructions": ["a.md", "AGENTS.md"],
        "share": "disabled",
        "snapshot": False,
        "permission": {"webfetch": "deny", "skill": "allow"},
        "tools": {"task": False},
        "mcp": {"far": {**OFF, "headers": {"X-A": "1"}}, "two": OFF},
    },
    f"{USER}opencode.jsonc": '{"username": "jsonc" /* counts */}',
    f"{USER}AGENTS.md": "Ada's rules.",
    f"{USER}agent/one.md": "---\ndescription: Ada's\ntemperature: 0.1\n---\nAda's prompt.",
    f"{USER}user.md": "Not relative to the user's folder.",
    f"{USER}skill/own/SKILL.md": SKILL.format("own", "Own"),
    f"{USER}skills/two/SKILL.md": SKILL.format("two", "Two"),
    "home/.claude/skills/c/SKILL.md": SKILL.format("c", "C"),
    "home/.agents/skills/d/SKILL.md": SKILL.format("d", "D"),
    "home/.opencode/skill/e/SKILL.md": SKILL.format("e", "E"),
    "home/.opencode/commands/a/b.md": "Do $ARGUMENTS",
    "home/.opencode/opencode.json": {"layout": "stretch"},
    "home/.claude/CLAUDE.md": "Not read.",
    "home/shared/y/SKILL.md": SKILL.format("y", "Y"),
    "home/mine.md": "Mine.",
    "home/name.txt": "Ada\n",
}
