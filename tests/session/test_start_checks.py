"""Warnings at start for names in opencode.json that do not exist."""

from pathlib import Path
from typing import Any

import msgspec

from opencode.config import Config, Settings
from opencode.provider.registry import Registry
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
    settings = configured(tmp_path, tools={"web_fetch": False, "webfetch": False})
    warnings = await warnings_of(settings)
    assert len(warnings) == 1
    assert "tools names an unknown tool, 'web_fetch'. Did you mean 'webfetch'?" in warnings[0]
