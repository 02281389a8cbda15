import json
import os
import stat
from pathlib import Path

import pytest

from opencode.errors import BadRequest, SettingsError, Unavailable
from opencode.provider.keys import FileKeys
from opencode.schema.provider import ApiAuth

SECRET = "sk-very-secret"


async def test_a_key_outlives_the_process_in_opencodes_own_format(tmp_path: Path) -> None:
    path = tmp_path / "data" / "auth.json"
    await FileKeys(path).set("anthropic", ApiAuth(key=SECRET))
    assert json.loads(path.read_text()) == {"anthropic": {"type": "api", "key": SECRET}}
    again = FileKeys(path)
    assert again.get("anthropic") == SECRET
    assert again.provider_ids() == ["anthropic"]
    await again.remove("anthropic")
    assert FileKeys(path).get("anthropic") is None


async def test_only_the_servers_user_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text("{}")
    path.chmod(0o644)
    await FileKeys(path).set("openai", ApiAuth(key=SECRET))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["auth.json"]


async def test_entries_of_other_kinds_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    oauth = {"type": "oauth", "refresh": "r", "access": "a", "expires": 1}
    path.write_text(json.dumps({"anthropic": oauth}))
    keys = FileKeys(path)
    assert keys.get("anthropic") is None
    await keys.set("openai", ApiAuth(key=SECRET))
    assert json.loads(path.read_text())["anthropic"] == oauth


async def test_a_key_is_never_shown(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path / "auth.json")
    await keys.set("openai", ApiAuth(key=SECRET))
    assert SECRET not in repr(keys)
    with pytest.raises(BadRequest) as refused:
        await keys.set("openai", ApiAuth(key=f"{SECRET} {SECRET}"))
    assert SECRET not in str(refused.value)


async def test_several_keys_may_have_blanks_between_them(tmp_path: Path) -> None:
    await FileKeys(tmp_path / "auth.json").set("openai", ApiAuth(key="sk-one,sk-two, sk-three"))


@pytest.mark.parametrize("key", ["", ",", "sk-1,,sk-2", " sk-1", "sk-1\n", "sk 1", "sk-é", "sk-\x00"])
async def test_a_key_that_cannot_be_one_is_refused_and_nothing_is_stored(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadRequest):
        await FileKeys(tmp_path / "auth.json").set("openai", ApiAuth(key=key))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"openai": "sk"}', "\xff"])
def test_a_corrupt_file_stops_the_start_with_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as stopped:
        FileKeys(path)
    assert str(path) in stopped.value.message
    assert "\n" not in stopped.value.message


async def test_a_write_that_fails_leaves_the_old_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = FileKeys(tmp_path / "auth.json")
    await keys.set("openai", ApiAuth(key=SECRET))

    def full(_descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable):
        await keys.set("openai", ApiAuth(key="sk-other"))
    assert keys.get("openai") == FileKeys(tmp_path / "auth.json").get("openai") == SECRET
    assert os.listdir(tmp_path) == ["auth.json"]
