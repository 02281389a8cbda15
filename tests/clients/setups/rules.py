"""Rules and instructions: what every prompt begins with."""

from .setup import FOLDER, PROJECT, Setup
from .users import ADA

RULES = {
    "rules": Setup({"project/AGENTS.md": "# Rules\n\nBe brief.\n", "project/CLAUDE.md": "Not read."}),
    "Claude's rules": Setup(
        {"project/CLAUDE.md": "Claude's.", "home/.claude/CLAUDE.md": "Claude's, user's."}
    ),
    "user's rules": Setup(
        {
            **ADA,
            "project/AGENTS.md": "Project's.",
        }
    ),
    "rules in context file": Setup({"project/CONTEXT.md": "Context."}),
    "empty rules": Setup({"project/AGENTS.md": "", "project/CLAUDE.md": "Not read either."}),
    "rules within a folder": Setup(
        {f"{FOLDER}AGENTS.md": "Not read.", "project/docs/AGENTS.md": "Nor this."}
    ),
    "instructions": Setup(
        {
            PROJECT: {
                "instructions": [
                    "docs/t*.md",
                    "docs/.t*.md",
                    "docs/one.md",
                    "./here.md",
                    "~/mine.md",
                    "missing.md",
                    "**/deep.txt",
                    "{a,b}.txt",
                    "",
                ]
            },
            "project/docs/one.md": "One.",
            "project/docs/two.md": "Two.",
            "project/docs/.three.md": "Three.",
            "project/here.md": "Here.",
            **ADA,
            "project/x/y/deep.txt": "Deep.",
            "project/a.txt": "A.",
            "project/b.txt": "B.",
            "project/AGENTS.md": "Rules.",
        },
        repository="project",  # else opencode looks for `**` in all folders above
    ),
    "instructions twice": Setup(
        {
            **ADA,
            PROJECT: {"instructions": ["a.md", "b.md", "a.md"]},
            f"{FOLDER}opencode.json": {"instructions": ["c.md"]},
            "project/a.md": "A.",
            "project/b.md": "B.",
            "project/c.md": "C.",
            "project/.opencode/c.md": "Not this.",
            "project/AGENTS.md": "Rules.",
        }
    ),
    "instructions of a folder above": Setup(
        {
            "project/app/opencode.json": {"instructions": ["shared/*.md", "../up.md"]},
            "project/shared/a.md": "Shared.",
            "project/up.md": "Up.",
            "project/CLAUDE.md": "Root's.",
            "project/app/CLAUDE.md": "App's.",
        },
        repository="project",
        directory="project/app",
    ),
    "rules with Windows line ends": Setup({"project/AGENTS.md": "One\r\nTwo\r\n"}),
    "unreachable instructions": Setup({PROJECT: {"instructions": ["http://127.0.0.1:9/rules.md"]}}),
}
