"""The soak in its short form; `make soak` has the long one."""

import os
from pathlib import Path

import pytest

from .soak import soak

SECONDS = float(os.environ.get("OPENCODE_SOAK_SECONDS", "45"))
DRIFT = 10_000_000
"""Bytes after the warm-up."""


@pytest.mark.timeout(SECONDS + 240)
async def test_a_crowd_leaves_nothing_behind(tmp_path: Path) -> None:
    found = await soak(SECONDS, tmp_path)
    print(found)
    assert found.broken == []
    assert found.log == []
    assert found.turns > 20
    for before, after in (found.files, found.sockets, found.tasks):
        assert after <= before
    if SECONDS >= 300:  # caches fill in the first minutes
        assert found.drift < DRIFT
