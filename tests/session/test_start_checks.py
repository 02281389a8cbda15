"""Warnings at start for names in opencode.json that do not exist."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from opencode.config import Config, Settings
from opencode.errors import SettingsError
from opencode.provider.registry import Registry
from opencode.session.instructions import instruction_texts
from opencode.session.start_checks import model_warnings, start_warnings
from opencode.tool.registry import Tools


def configured(directory: Path, environ: dict[str, str] | None = None, **config: Any) -> Settings:
    return Settings(
        data_dir=directory,
        config=msgspec.convert(config, Config),
        config_path=directory / "opencode.json",
        environ=environ or {},
    )


async def test_an_unknown_tool_is_a_warning(tmp_path: Path) -> None:
    settings = configured(tmp_path, tools={"web_fetch": False, "webfetch": False}, instructions=["none.md"])
    tools = Tools(settings)
    warnings = start_warnings(settings, tools)
    await tools.close()
    assert len(warnings) == 2
    assert "tools names an unknown tool, 'web_fetch'. Did you mean 'webfetch'?" in warnings[0]
    assert "instructions: 'none.md' matches no file" in warnings[1]


async def test_instructions_that_match_no_file_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.md").write_text("A")
    (tmp_path / "[b].md").write_text("B")
    absent = str(tmp_path / "absent.md")
    entries = ["rules/*.md", "[b].md", str(tmp_path / "rules" / "*.md"), absent, "none/*.md", "rules", ""]
    settings = configured(tmp_path, instructions=[*entries, "https://example.com/rules.md"])
    assert instruction_texts(settings) == ("A", "B", "A")
    file = tmp_path / "opencode.json"
    tools = Tools(settings)
    warnings = start_warnings(settings, tools)
    await tools.close()
    assert warnings == [
        *(
            f"{file}: instructions: {entry!r} matches no file in {tmp_path}."
            for entry in (absent, "none/*.md", "rules", "")
        ),
        f"{file}: instructions: https://example.com/rules.md is ignored: addresses are not supported. "
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
