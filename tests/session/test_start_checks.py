"""Warnings at start for names in opencode.json that do not exist."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from opencode.config import Config, Settings
from opencode.errors import SettingsError
from opencode.provider.registry import Registry
from opencode.session.instructions import instruction_texts
from opencode.session.start_checks import start_warnings
from opencode.tool.registry import Tools


def configured(directory: Path, environ: dict[str, str] | None = None, **config: Any) -> Settings:
    return Settings(
        data_dir=directory,
        config=msgspec.convert(config, Config),
        config_path=directory / "opencode.json",
        environ=environ or {},
    )


async def warnings_of(settings: Settings) -> list[str]:
    tools, providers = Tools(settings), Registry(settings)
    try:
        return start_warnings(settings, tools, providers)
    finally:
        await tools.close()
        await providers.close()


async def test_an_unknown_tool_is_a_warning(tmp_path: Path) -> None:
    settings = configured(tmp_path, tools={"web_fetch": False, "webfetch": False}, instructions=["none.md"])
    warnings = await warnings_of(settings)
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
    assert await warnings_of(settings) == [
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
