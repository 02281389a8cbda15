"""What a set-up has that can't be here is told in a line each."""

from pathlib import Path

from opencode.config import Folder, Places
from opencode.config.absent import absent_warnings


def test_each_kind_has_one_line_with_its_names(tmp_path: Path) -> None:
    folder = tmp_path / ".opencode"
    for name in ("plugin/a.ts", "plugins/b.js", "tool/c.ts", "tools/notes.md", "themes/d.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    config = {
        "plugin": ["one", ["two", {"token": "secret"}]],
        "lsp": True,
        "formatter": {"prettier": {}},
        "references": {"docs": "../docs"},
        "skills": {"urls": ["https://example.com/skills/"]},
        "agent": {"x": {"permission": {"bash": "deny"}}},
        "permission": {"edit": "ask", "webfetch": "deny"},
    }
    lines = list(absent_warnings(config, Places(project=tmp_path, folders=(Folder(folder),)), {}))
    assert [line.partition(" have ")[0] for line in lines] == [
        "Plugins (one, two, a.ts, b.js)",
        "Custom tools (c.ts)",
        "Themes (d.json)",
        "Language servers",
        "Formatters (prettier)",
        "Addresses of skills (https://example.com/skills/)",
        "References (docs)",
        "Rules for bash, edit",
    ]
    assert not any("secret" in line for line in lines)


def test_a_long_list_is_cut_and_what_is_off_is_not_told(tmp_path: Path) -> None:
    config = {"plugin": [f"p{number}" for number in range(9)], "lsp": False, "formatter": {}}
    (line,) = absent_warnings(config, Places(project=tmp_path), {})
    assert line.startswith("Plugins (p0, p1, p2, p3, p4 and 4 more) have no effect")


def test_with_a_workspace_rules_for_files_have_an_effect(tmp_path: Path) -> None:
    config = {"permission": {"edit": "ask", "bash": "deny"}}
    (line,) = absent_warnings(config, Places(project=tmp_path), {"OPENCODE_WORKSPACE": "write"})
    assert line.startswith("Rules for bash have")
