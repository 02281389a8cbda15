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
