"""A registry that replaces another one while turns still use that."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from opencode.config import Config, Settings
from opencode.errors import BadRequest, SettingsError
from opencode.provider.registry import Registry
from opencode.schema.provider import ApiAuth
from tests.provider.model_server import NOWHERE


def settings(data_dir: Path, **config: Any) -> Settings:
    return Settings(data_dir=data_dir, config=msgspec.convert(config, Config))


def provider(url: str = NOWHERE) -> dict[str, Any]:
    return {"options": {"baseURL": url}, "models": {"m": {}}}


async def test_unchanged_providers_are_kept_and_the_others_made_anew(tmp_path: Path) -> None:
    first = settings(tmp_path, provider={name: provider() for name in ("kept", "changed", "gone")})
    second = settings(
        tmp_path, provider={"new": provider(), "kept": provider(), "changed": provider(f"{NOWHERE}/other")}
    )
    before = Registry(first)
    adapters = {name: (await before.resolve(name, "m")).adapter for name in ("kept", "changed", "gone")}
    after = Registry(second, before)
    await after.supersede(before)
    assert list(after.defaults()) == ["new", "kept", "changed", "demo"]
    assert (await after.resolve("kept", "m")).adapter is adapters["kept"]
    assert (await after.resolve("changed", "m")).adapter is not adapters["changed"]
    for name, adapter in adapters.items():
        assert (await before.resolve(name, "m")).adapter is adapter
    await after.close()


async def test_the_order_is_that_of_the_new_configuration(tmp_path: Path) -> None:
    before = Registry(settings(tmp_path, provider={"a": provider(), "b": provider()}))
    assert list(before.defaults())[:2] == ["a", "b"]
    after = Registry(settings(tmp_path, provider={"b": provider(), "a": provider()}), before)
    assert list(after.defaults())[:2] == ["b", "a"]


async def test_a_provider_that_is_disabled_now_is_gone(tmp_path: Path) -> None:
    before = Registry(settings(tmp_path, provider={"a": provider()}))
    assert "a" in before.defaults()
    after = Registry(settings(tmp_path, provider={"a": provider()}, disabled_providers=["a"]), before)
    assert "a" not in after.defaults()


async def test_keys_set_later_count_for_the_replaced_registry_too(tmp_path: Path) -> None:
    before = Registry(settings(tmp_path, provider={"mine": provider()}))
    assert "anthropic" not in before.defaults()
    after = Registry(settings(tmp_path), before)
    await after.supersede(before)
    changes = before.changes
    await after.set_key("anthropic", ApiAuth(key="sk-secret"))
    assert before.changes > changes
    assert "anthropic" in before.defaults()
    assert "mine" in before.defaults()
    await after.remove_key("anthropic")
    with pytest.raises(BadRequest, match="has no key"):
        await before.resolve("anthropic", "claude-sonnet-4-5")
    await after.close()


async def test_settings_that_are_refused_leave_the_registry_before_as_it_is(tmp_path: Path) -> None:
    before = Registry(settings(tmp_path, provider={"mine": provider()}))
    adapter = (await before.resolve("mine", "m")).adapter
    with pytest.raises(SettingsError):
        Registry(settings(tmp_path, provider={"mine": provider("no address")}), before)
    assert (await before.resolve("mine", "m")).adapter is adapter
