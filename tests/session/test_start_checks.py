"""What the start says of names in opencode.json that nothing stands behind."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from opencode.config import Config, Settings
from opencode.errors import SettingsError
from opencode.provider.registry import Registry
from opencode.session.instructions import instruction_texts
from opencode.session.start_checks import model_warnings, start_warnings

TOOLS = ["webfetch", "websearch", "todowrite", "todoread", "question", "task"]


def configured(directory: Path, environ: dict[str, str] | None = None, **config: Any) -> Settings:
    return Settings(
        data_dir=directory,
        config=msgspec.convert(config, Config),
        config_path=directory / "opencode.json",
        environ=environ or {},
    )


@pytest.mark.parametrize(
    ("config", "warning"),
    [
        ({"tools": {"web_fetch": False}}, "tools.web_fetch: there is no such tool. Did you mean webfetch"),
        ({"permission": {"websearc": "ask"}}, "permission.websearc: there is no such tool. Did you mean web"),
        ({"agent": {"a": {"tools": {"todo": False}}}}, "agent.a.tools.todo: there is no such tool."),
        ({"agent": {"a": {"permission": {"fetch*": "deny"}}}}, "agent.a.permission.fetch*: there is no such"),
    ],
)
def test_an_unknown_tool_is_a_warning(tmp_path: Path, config: dict[str, Any], warning: str) -> None:
    (line,) = start_warnings(configured(tmp_path, **config), TOOLS)
    assert line.startswith(f"{tmp_path / 'opencode.json'}: {warning}")


def test_known_tools_patterns_opencodes_tools_and_those_of_mcp_servers_are_no_mistakes(
    tmp_path: Path,
) -> None:
    names = [
        "*",
        "web*",
        "todo????",
        "bash",
        "edit",
        "doom_loop",
        "my_files_read",
        "my_files_*",
        "my*",
        "task",
    ]
    settings = configured(
        tmp_path,
        tools=dict.fromkeys(names, False),
        permission=dict.fromkeys(names, "ask"),
        mcp={"my files": {"type": "local", "command": ["x"]}},
    )
    assert start_warnings(settings, TOOLS) == []


def test_instructions_that_match_no_file_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.md").write_text("A")
    (tmp_path / "[b].md").write_text("B")
    absent = str(tmp_path / "absent.md")
    entries = ["rules/*.md", "[b].md", str(tmp_path / "rules" / "*.md"), absent, "none/*.md", "rules", ""]
    settings = configured(tmp_path, instructions=[*entries, "https://example.com/rules.md"])
    assert instruction_texts(settings) == ("A", "B", "A")
    file = tmp_path / "opencode.json"
    assert start_warnings(settings, TOOLS) == [
        *(
            f"{file}: instructions: {entry!r} matches no file in {tmp_path}."
            for entry in (absent, "none/*.md", "rules", "")
        ),
        f"{file}: instructions: https://example.com/rules.md is ignored: URLs are not supported. "
        "Save it as a file.",
    ]


def test_instructions_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match=r"instructions: .*binary.md can't be read"):
        instruction_texts(configured(tmp_path, instructions=["binary.md"]))


async def test_a_model_that_cannot_be_used_is_a_warning_that_names_its_place(tmp_path: Path) -> None:
    settings = configured(
        tmp_path,
        environ={"ANTHROPIC_API_KEY": "k"},
        model="demo/demo",
        small_model="demo/dmo",
        agent={
            "right": {"model": "demo/demo"},
            "typo": {"model": "antropic/claude-sonnet-4-5"},
            "keyless": {"model": "openai/gpt-5.5"},
            "off": {"model": "nobody/x", "disable": True},
        },
        command={"hi": {"template": "hi", "model": "demo/other"}},
    )
    providers = Registry(settings)
    warnings = await model_warnings(settings, providers)
    await providers.close()
    places = [warning.removeprefix(f"{settings.config_path}: ") for warning in warnings]
    assert [place.partition(": ")[0] for place in places] == [
        "small_model",
        "agent.typo.model",
        "agent.keyless.model",
        "command.hi.model",
    ]
    assert "Unknown model 'dmo' of provider 'demo'. Did you mean demo?" in places[0]
    assert "there is no provider 'antropic'. Did you mean anthropic" in places[1]
    assert "set OPENAI_API_KEY" in places[2]
