"""Agents, commands, modes and skills in Markdown, with front matter as people write it."""

from .setup import FOLDER, PROJECT, Setup
from .users import ADA
from .users import SKILL as _SKILL

MARKDOWN = {
    "agent with everything": Setup(
        {
            f"{FOLDER}agent/full.md": """---
description: Reviews code: quality, security
mode: primary
model: local/warm
temperature: 0.2
top_p: 0.9
steps: 7
hidden: false
color: "#ff8800"
reasoningEffort: high
textVerbosity: low
tools:
  write: false
  bash: false
  webfetch: true
permission:
  edit: ask
  bash:
    "*": ask
    "git diff*": allow
---

You are a reviewer.

- Look twice.
""",
        },
        agent="full",
    ),
    "front matter as people write it": Setup(
        {
            f"{FOLDER}agent/colons.md": "---\ndescription: Use when: always. Example: <x>: y\n---\nA",
            f"{FOLDER}agent/comments.md": "---\n# note: not set\ndescription: D # really\nmode: all\n---\nB",
            f"{FOLDER}agent/none.md": "Only a prompt, no front matter.\n",
            f"{FOLDER}agent/empty.md": "---\n---\nEmpty front matter.\n",
            f"{FOLDER}agent/quoted.md": "---\ndescription: \"It's quoted: yes\"\nmode: 'subagent'\n---\nD",
            f"{FOLDER}agent/folded.md": "---\ndescription: >\n  Two\n  lines\nmode: subagent\n---\nE",
            f"{FOLDER}agent/literal.md": "---\ndescription: |\n  Two\n  lines\n---\nF",
            f"{FOLDER}agent/windows.md": "---\r\ndescription: Windows: yes\r\nmode: all\r\n---\r\nG\r\nH\r\n",
            f"{FOLDER}agent/mark.md": "\ufeff---\ndescription: With a mark\n---\nI",
            f"{FOLDER}agent/numbers.md": "---\ndescription: '7'\ntemperature: 1\nmaxSteps: 3\n---\nJ",
            f"{FOLDER}agent/rule.md": "---\ndescription: R\n---\nBefore\n\n---\n\nAfter\n",
        },
        agent="windows",
    ),
    "names from paths": Setup(
        {
            f"{FOLDER}agent/sub/deep/er.md": "Deeper.",
            f"{FOLDER}agents/plural.md": "Plural.",
            f"{FOLDER}agent/named.md": "---\nname: other-name\n---\nNamed.",
            f"{FOLDER}agent/v1.2.md": "Dotted.",
            f"{FOLDER}agent/.hidden.md": "Hidden file.",
            f"{FOLDER}agent/with space.md": "Space.",
            f"{FOLDER}agent/notes.txt": "No agent.",
            f"{FOLDER}agent/UPPER.MD": "No agent either.",
            f"{FOLDER}command/a/b/c.md": "C",
            f"{FOLDER}mode/in/deep.md": "Modes are not looked for below.",
        },
        agent="sub/deep/er",
    ),
    "modes": Setup(
        {
            f"{FOLDER}mode/old.md": "---\nmodel: local/warm\ntemperature: 0.3\n---\nOld mode.",
            f"{FOLDER}modes/ask.md": "---\nmode: subagent\ntools:\n  webfetch: false\n---\nAsk.",
            f"{FOLDER}agent/ask.md": "---\ndescription: Agent's\n---\nAgent's prompt.",
            PROJECT: {
                "mode": {"build": {"temperature": 0.4}, "third": {"prompt": "3", "tools": {"task": False}}}
            },
        },
        agent="ask",
    ),
    "agent of the file and of Markdown": Setup(
        {
            PROJECT: {
                "agent": {
                    "both": {"prompt": "File.", "tools": {"webfetch": True}, "permission": {"task": "deny"}}
                }
            },
            f"{FOLDER}agent/both.md": "---\ntools:\n  webfetch: false\n  task: true\n---\nMarkdown.",
        },
        agent="both",
    ),
    "built-in agents changed": Setup(
        {
            f"{FOLDER}agent/build.md": "---\ntemperature: 0.7\nmodel: local/warm\n---\nBuild my way.",
            f"{FOLDER}agent/explore.md": "---\ndescription: Explores\n---\n",
            PROJECT: {"agent": {"general": {"hidden": True}, "plan": {"color": "accent", "prompt": "Plan."}}},
        }
    ),
    "hidden and disabled": Setup(
        {
            f"{FOLDER}agent/secret.md": "---\nhidden: true\nmode: subagent\n---\nSecret.",
            f"{FOLDER}agent/off.md": "---\ndisable: true\n---\nOff.",
            PROJECT: {"agent": {"plan": {"disable": True}, "explore": {"disable": True}}},
        }
    ),
    "commands": Setup(
        {
            f"{FOLDER}command/all.md": "---\ndescription: A: b\nagent: plan\nmodel: x/y\n---\n$ARGUMENTS",
            f"{FOLDER}command/words.md": "First $1, rest $2. Again $1.",
            f"{FOLDER}commands/none.md": "---\nsubtask: false\ncolor: red\nhint: '[x]'\n---\nNo arguments",
            PROJECT: {"command": {"own": {"template": "Own $3 $1", "description": "Own", "subtask": True}}},
        },
        command=("words", 'one "two three" four'),
    ),
    "command without placeholders": Setup(
        {f"{FOLDER}command/plain.md": "\n\nDo the usual.\n\n"}, command=("plain", "and more")
    ),
    "command with an agent": Setup(
        {
            f"{FOLDER}command/go.md": "---\nagent: pirate\n---\nGo: $ARGUMENTS",
            f"{FOLDER}agent/pirate.md": "---\nmode: primary\nmodel: local/warm\ntemperature: 1.5\n---\nP.",
        },
        command=("go", "west"),
        agent="pirate",
    ),
    "command of the name of a skill": Setup(
        {
            f"{FOLDER}skill/deploy/SKILL.md": _SKILL.format("deploy", "Deploys"),
            f"{FOLDER}command/deploy.md": "---\ndescription: Command\n---\nDeploy $1",
        },
        command=("deploy", "now"),
    ),
    "skill as a command": Setup(
        {f"{FOLDER}skill/deploy/SKILL.md": _SKILL.format("deploy", "Deploys: all")}, command=("deploy", "now")
    ),
    "skills": Setup(
        {
            f"{FOLDER}skill/a/SKILL.md": _SKILL.format("a-skill", "Does a"),
            f"{FOLDER}skills/group/b/SKILL.md": _SKILL.format("B-skill", "Does b & <c>"),
            f"{FOLDER}skill/no-description/SKILL.md": "---\nname: quiet\n---\nQuiet.",
            f"{FOLDER}skill/no-name/SKILL.md": "---\ndescription: Without name\n---\nNothing.",
            f"{FOLDER}skill/number/SKILL.md": "---\nname: 7\ndescription: Seven\n---\nSeven.",
            f"{FOLDER}skill/lower/skill.md": _SKILL.format("lower", "Not found"),
            f"{FOLDER}skill/extra/SKILL.md": (
                "---\nname: extra\ndescription: Use when: x\nlicense: MIT\nallowed-tools: [a, b]\nmetadata:\n"
                "  version: 1.0\n---\nExtra."
            ),
            "project/.claude/skills/c/SKILL.md": _SKILL.format("claude", "Of Claude"),
            "project/.agents/skills/d/SKILL.md": _SKILL.format("agents", "Of agents"),
        }
    ),
    "skills of the user": Setup({**ADA}),
    "skills denied": Setup(
        {
            f"{FOLDER}skill/a/SKILL.md": _SKILL.format("a", "A"),
            f"{FOLDER}skill/internal-b/SKILL.md": _SKILL.format("internal-b", "B"),
            f"{FOLDER}agent/careful.md": "---\npermission:\n  skill:\n    'internal-*': deny\n---\nCareful.",
            PROJECT: {"permission": {"skill": {"*": "ask"}}},
        },
        agent="careful",
    ),
    "no skills for an agent": Setup(
        {
            f"{FOLDER}skill/a/SKILL.md": _SKILL.format("a", "A"),
            f"{FOLDER}agent/none.md": "---\ntools:\n  skill: false\n---\nNone.",
        },
        agent="none",
    ),
    "skills of other folders": Setup(
        {
            PROJECT: {"skills": {"paths": ["tools/skills", "~/shared", "missing"]}},
            "project/tools/skills/x/SKILL.md": _SKILL.format("x", "X"),
            **ADA,
        }
    ),
    "external skills off": Setup(
        {
            "project/.claude/skills/c/SKILL.md": _SKILL.format("c", "C"),
            "project/.agents/skills/d/SKILL.md": _SKILL.format("d", "D"),
            "project/CLAUDE.md": "Claude's rules.",
        },
        {"OPENCODE_DISABLE_CLAUDE_CODE": "1"},
    ),
    "front matter that is no YAML": Setup(
        {
            f"{FOLDER}agent/tabs.md": "---\ndescription:\t\tTabs\n\tmode: all\n---\nTabs.",
            f"{FOLDER}command/bad.md": "---\n[not yaml\n---\nBad.",
            f"{FOLDER}agent/good.md": "Good.",
        },
        agent="good",
    ),
}
