"""Where configuration is looked for, and what counts where two files have the same key."""

import json
from pathlib import Path
from typing import Any

import pytest

from opencode.config import Settings
from opencode.errors import SettingsError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home; beside it is `project`, the working directory."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home"


def write(path: Path, **config: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return path


def load(home: Path, **env: str | Path) -> Settings:
    return Settings.load({"HOME": str(home), **{name: str(value) for name, value in env.items()}})


def test_all_places_are_merged_and_the_later_one_counts(home: Path) -> None:
    project = Path.cwd()
    places = [
        write(home / ".config/opencode/config.json", username="0", agent={"a0": {"prompt": "0"}}),
        write(home / ".config/opencode/opencode.json", username="1", agent={"a1": {"prompt": "1"}}),
        write(home / ".config/opencode/opencode.jsonc", username="2", agent={"a2": {"prompt": "2"}}),
        write(home / "named.json", username="3", agent={"a3": {"prompt": "3"}}),
        write(project / "opencode.json", username="4", agent={"a4": {"prompt": "4"}}),
        write(project / "opencode.jsonc", username="5", agent={"a5": {"prompt": "5"}}),
        write(project / ".opencode/opencode.json", username="6", agent={"a6": {"prompt": "6"}}),
        write(project / ".opencode/opencode.jsonc", username="7", agent={"a7": {"prompt": "7"}}),
        write(home / ".opencode/opencode.json", username="8", agent={"a8": {"prompt": "8"}}),
        write(home / "further/opencode.json", username="9", agent={"a9": {"prompt": "9"}}),
    ]
    env: dict[str, str | Path] = {
        "OPENCODE_CONFIG": home / "named.json",
        "OPENCODE_CONFIG_DIR": home / "further",
        "OPENCODE_DIRECTORY": project,
    }
    settings = load(home, OPENCODE_CONFIG_CONTENT='{"agent": {"a0": {"steps": 3}}}', **env)
    assert settings.config_sources == (*map(str, places), "OPENCODE_CONFIG_CONTENT")
    assert settings.config.username == "9"
    assert [settings.config.agent[f"a{number}"].prompt for number in range(10)] == list("0123456789")
    assert settings.config.agent["a0"].steps == 3
    places.pop().unlink()
    assert load(home, **env).config.username == "8"


def test_instructions_of_all_files_count_once_and_other_lists_are_replaced(home: Path) -> None:
    write(home / ".config/opencode/opencode.json", instructions=["a", "b"], disabled_providers=["x"])
    write(Path("opencode.json"), instructions=["b", "c"], disabled_providers=["y"])
    config = load(home).config
    assert (config.instructions, config.disabled_providers) == (["a", "b", "c"], ["y"])


def test_a_file_switches_off_the_mcp_server_of_another(home: Path) -> None:
    server = {"type": "remote", "url": "http://127.0.0.1:9/mcp"}
    write(home / ".config/opencode/opencode.json", mcp={"far": server})
    write(Path("opencode.json"), mcp={"far": {"enabled": False}, "unknown": {"enabled": False}})
    settings = load(home)
    assert [(name, entry.enabled) for name, entry in settings.config.mcp.items()] == [("far", False)]
    assert settings.left_out_mcp == {}


def test_looking_upwards_ends_at_the_root_of_the_repository_and_begins_only_in_one(home: Path) -> None:
    outer = Path.cwd()
    inner = outer / "one" / "two"
    inner.mkdir(parents=True)
    write(outer.parent / "opencode.json", username="outside")
    write(outer / "opencode.json", username="outer", model="a/b")
    write(inner / "opencode.json", username="inner")
    write(outer / ".opencode" / "opencode.json", small_model="c/d")
    alone = load(home, OPENCODE_DIRECTORY=inner).config
    assert (alone.username, bool(alone.model), bool(alone.small_model)) == ("inner", False, False)
    (outer / ".git").mkdir()
    within = load(home, OPENCODE_DIRECTORY=inner).config
    assert (within.username, within.model, within.small_model) == ("inner", "a/b", "c/d")


def test_a_file_that_is_named_alone_is_the_projects_only_one(home: Path) -> None:
    named = write(home / "conf" / "mine.json", username="mine")
    write(home / "conf" / "opencode.json", model="a/b")
    write(Path("opencode.json"), small_model="c/d")
    settings = load(home, OPENCODE_CONFIG=named)
    assert settings.config_sources == (str(named),)
    assert settings.places is not None
    assert settings.places.project == named.parent


def test_without_home_nothing_of_the_user_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".config/opencode/opencode.json", username="u")
    monkeypatch.setenv("HOME", str(home))
    assert not Settings.load({}).config.username
    assert load(home).config.username == "u"
    assert not load(home, XDG_CONFIG_HOME=home / "other").config.username


@pytest.mark.parametrize("name", ["OPENCODE_DIRECTORY", "OPENCODE_CONFIG_DIR", "OPENCODE_CONFIG"])
def test_a_place_that_is_named_and_does_not_exist_stops_the_start(home: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name}: there is no \w+ .*absent"):
        load(home, **{name: home / "absent"})


def test_a_wrong_value_names_the_file_that_holds_it(home: Path) -> None:
    file = write(Path(".opencode/opencode.json").absolute(), agent={"x": {"mode": "no"}})
    write(Path("opencode.json"), username="u")
    with pytest.raises(SettingsError, match=rf"^{file}: agent\.x\.mode must be one of"):
        load(home)


@pytest.mark.parametrize(
    ("content", "username"),
    [
        (b'\xef\xbb\xbf{"username": "u"}', "u"),
        (b'{"username": "u", // a } and a ]\n "share": "manual", /* ] */\n}', "u"),
        (b'{"username": "//, }", /* , } */ "instructions": ["a", // ]\n "b", ], }', "//, }"),
        (b'{"username": "u" // caf\xe9\n}', "u"),
        (b'{"username": {env:QUOTED}, "snapshot": {env:FLAG}}', "q"),
        (b"", ""),
    ],
)
def test_files_are_read_as_people_write_them(home: Path, content: bytes, username: str) -> None:
    Path("opencode.json").write_bytes(content)
    assert (load(home, QUOTED='"q"', FLAG="true").config.username or "") == username


def test_a_set_up_with_mistakes_that_opencode_starts_with_starts(home: Path) -> None:
    write(
        Path("opencode.json"),
        model="",
        small_model="claude",
        autoshare=True,
        provider={"mine": {"options": {"baseURL": "{env:UNSET}/v1"}}},
        agent={"x": {"model": "gpt", "reasoningEffort": "high"}, "y": {"model": ""}},
        mode={"old": {"prompt": "p", "model": ""}},
        command={"c": {"template": "t", "model": ""}},
        plugin=["some-plugin"],
    )
    settings = load(home)
    config = settings.config
    models = [config.model, config.small_model, config.agent["x"].model, config.agent["y"].model]
    assert not any(models)
    assert not config.command["c"].model
    assert config.provider == {}
    assert (config.share, config.agent["old"].mode) == ("auto", "primary")
    assert config.agent["x"].options == {"reasoningEffort": "high"}
    file = Path("opencode.json").absolute()
    assert settings.warnings == (
        f"{file} uses {{env:UNSET}}, but UNSET is not set.",
        f"""{file}: small_model is left out: write it as "provider/model", not 'claude'.""",
        f"""{file}: agent.x.model is left out: write it as "provider/model", not 'gpt'.""",
        f"{file}: provider.mine is left out: its options.baseURL must be an address such as "
        "https://host/v1 or http://localhost:11434/v1.",
        "Plugins (some-plugin) have no effect: this server runs no plugins.",
    )


def test_the_configuration_is_shown_as_opencode_shows_it(home: Path) -> None:
    write(
        Path("opencode.json"),
        agent={"x": {"reasoningEffort": "high", "tools": {"write": False}, "permission": {"bash": "ask"}}},
        mode={"m": {"prompt": "p"}},
        tools={"webfetch": False},
        permission="allow",
        theme="dark",
        lsp=False,
        unknown=1,
    )
    shown = load(home).raw
    assert shown["agent"] == {
        "x": {
            "reasoningEffort": "high",
            "tools": {"write": False},
            "permission": {"edit": "deny", "bash": "ask"},
            "options": {"reasoningEffort": "high"},
        },
        "m": {"prompt": "p", "mode": "primary", "options": {}, "permission": {}},
    }
    assert shown["mode"] == {"m": {"prompt": "p", "options": {}, "permission": {}}}
    assert shown["permission"] == {"webfetch": "deny", "*": "allow"}
    assert shown.keys() == {"agent", "mode", "tools", "permission", "lsp"}


def markdown(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_markdown_counts_more_than_the_files_before_it_and_less_than_those_after(home: Path) -> None:
    write(Path("opencode.json"), agent={"x": {"prompt": "file", "steps": 3, "color": "#000001"}})
    markdown(home / ".config/opencode/agents/x.md", "---\ncolor: '#000002'\n---\nuser")
    markdown(home / ".config/opencode/command/hi.md", "Say hi")
    markdown(Path(".opencode/agent/x.md"), "---\ndescription: d\nreasoningEffort: low\n---\nproject")
    markdown(Path(".opencode/modes/old.md"), "---\nmodel: nowhere\n---\nmode")
    write(home / ".opencode/opencode.json", agent={"x": {"steps": 4}})
    settings = load(home)
    x = settings.config.agent["x"]
    assert (x.prompt, x.steps, x.color, x.description) == ("project", 4, "#000002", "d")
    assert x.options == {"reasoningEffort": "low"}
    assert settings.config.agent["old"].mode == "primary"
    assert settings.config.command["hi"].template == "Say hi"
    folder = Path(".opencode").absolute()
    assert settings.warnings == (
        f"""{folder}: agent.old.model is left out: write it as "provider/model", not 'nowhere'.""",
    )


def test_skills_of_all_folders_are_found_and_the_later_one_of_a_name_counts(home: Path) -> None:
    for folder in (home / ".claude/skills", Path(".agents/skills"), home / ".config/opencode/skills"):
        markdown(folder / "one" / "SKILL.md", f"---\nname: one\ndescription: of {folder}\n---\ntext")
    markdown(Path(".opencode/skill/two/SKILL.md"), "---\nname: two\ndescription: d\n---\ntext")
    skills = {skill.name: skill.description for skill in load(home).skills}
    assert skills == {"one": f"of {home / '.config/opencode/skills'}", "two": "d"}


def test_tools_of_a_later_file_count_more_than_an_earlier_permission(home: Path) -> None:
    agent = {"permission": {"webfetch": "allow", "task": "deny"}}
    write(home / ".config/opencode/opencode.json", agent={"x": agent})
    write(Path("opencode.json"), agent={"x": {"tools": {"webfetch": False, "write": True}}})
    assert load(home).config.agent["x"].permission == {"webfetch": "deny", "task": "deny", "edit": "allow"}


def test_rules_of_the_environment_count_most(home: Path) -> None:
    write(
        Path("opencode.json"), permission={"bash": {"*": "ask"}, "webfetch": "allow"}, tools={"task": False}
    )
    rules = '{"bash": {"rm *": "deny"}, "task": "ask"}'
    settings = load(home, OPENCODE_PERMISSION=rules)
    assert settings.config.permission == {
        "task": "ask",
        "bash": {"*": "ask", "rm *": "deny"},
        "webfetch": "allow",
    }
    assert settings.raw["permission"] == settings.config.permission
    assert load(home, OPENCODE_PERMISSION='"deny"').config.permission["*"] == "deny"  # type: ignore[index]
    (warning, _) = load(home, OPENCODE_PERMISSION="{bash: no}").warnings
    assert warning.startswith("OPENCODE_PERMISSION is left out: it must be JSON such as")


def test_opencodes_switches_leave_out_the_project_and_what_is_claudes(home: Path) -> None:
    write(home / ".config/opencode/opencode.json", username="user")
    write(Path("opencode.json"), username="project")
    for folder in (".claude", ".agents", ".opencode"):
        skill = Path(folder, "skills", "x", "SKILL.md")
        skill.parent.mkdir(parents=True)
        skill.write_text(f"---\nname: {folder[1:]}\n---\n")
    names = {skill.name for skill in load(home).skills}
    assert names == {"claude", "agents", "opencode"}
    without = load(home, OPENCODE_DISABLE_CLAUDE_CODE="1")
    assert {skill.name for skill in without.skills} == {"agents", "opencode"}
    assert without.places is not None
    assert without.places.rules == ("AGENTS.md", "CONTEXT.md")
    assert without.places.user_rules == (home / ".config/opencode/AGENTS.md",)
    external = load(home, OPENCODE_DISABLE_EXTERNAL_SKILLS="true").skills
    assert [skill.name for skill in external] == ["opencode"]
    alone = load(home, OPENCODE_DISABLE_PROJECT_CONFIG="1")
    assert (alone.config.username, alone.places and alone.places.rules) == ("user", ())


def test_skills_of_further_folders_are_read_and_missing_ones_told(home: Path) -> None:
    write(Path("opencode.json"), skills={"paths": ["deep", "~/mine", "missing"]})
    for folder in (Path("deep/er/a"), home / "mine/b"):
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(f"---\nname: {folder.name}\n---\n")
    settings = load(home)
    assert [skill.name for skill in settings.skills] == ["a", "b"]
    assert settings.warnings == (f"skills.paths: there is no directory {Path('missing').absolute()}.",)


def test_an_entry_that_is_no_server_switches_one_on_or_off(home: Path) -> None:
    server = {"type": "local", "command": ["x"], "timeout": 5}
    write(home / ".config/opencode/opencode.json", mcp={"far": server, "near": server})
    write(
        Path("opencode.json"),
        mcp={
            "far": {"enabled": False, "timeout": 9},
            "words": {"type": "local", "command": "x y", "enabled": True},
        },
    )
    settings = load(home)
    far = settings.config.mcp["far"]
    assert (far.enabled, far.timeout, settings.config.mcp["near"].enabled) == (False, 5, True)
    assert list(settings.left_out_mcp) == ["words"]
    assert "command must be an array" in settings.left_out_mcp["words"]
    assert settings.raw["mcp"]["words"] == {"enabled": True}


def test_a_switch_with_other_keys_for_a_server_of_another_file_is_no_fault(home: Path) -> None:
    write(home / ".config/opencode/opencode.json", mcp={"far": {"type": "local", "command": ["x"]}})
    write(Path("opencode.json"), mcp={"far": {"enabled": False, "timeout": 9}})
    assert load(home).left_out_mcp == {}


def test_only_the_keys_that_opencode_knows_are_shown(home: Path) -> None:
    write(
        Path("opencode.json"),
        experimental={"batch_tool": True, "hook": {}},
        command={"c": {"template": "t", "color": "red"}},
        provider={"p": {"api": "https://a/", "colour": 1, "models": {"m": {"name": "M", "size": 1}}}},
        theme="dark",
    )
    shown = load(home).raw
    assert shown == {
        "experimental": {"batch_tool": True},
        "command": {"c": {"template": "t"}},
        "provider": {"p": {"api": "https://a/", "models": {"m": {"name": "M"}}}},
    }


def test_programs_of_mcp_servers_start_in_the_project(home: Path) -> None:
    project = home / "project"
    server = {"type": "local", "command": ["./server"]}
    far = {"type": "remote", "url": "https://a/"}
    write(project / "opencode.json", mcp={"a": server, "b": {**server, "cwd": "sub"}, "c": far})
    settings = load(home, OPENCODE_DIRECTORY=project)
    directories = [getattr(entry, "cwd", None) for entry in settings.config.mcp.values()]
    assert directories == [str(project), str(project / "sub"), None]
    assert settings.raw["mcp"]["a"] == {"type": "local", "command": ["./server"]}
