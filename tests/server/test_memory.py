"""Memory is given back to the system after a load."""

import asyncio
import time

import pytest

from opencode.server import memory


class FakeLibrary:
    def __init__(self) -> None:
        self.options: list[tuple[int, int]] = []
        self.trims = 0

    def mallopt(self, option: int, value: int) -> None:
        self.options.append((option, value))

    def malloc_trim(self, _left: int) -> None:
        self.trims += 1


async def test_memory_is_given_back_once_after_work_and_not_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeLibrary()
    monkeypatch.setattr(memory, "_glibc", lambda: library)
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(memory, "WORK_SECONDS", 0.1)
    monkeypatch.setattr(memory, "REST_SECONDS", 0.015)
    monkeypatch.setattr(memory, "MOST_LOOKS", 1_000_000)
    async with memory.given_back():
        await asyncio.sleep(0.1)
        assert library.trims == 0
        until = time.process_time() + 0.15
        while time.process_time() < until:
            pass
        async with asyncio.timeout(10):
            while library.trims == 0:  # noqa: ASYNC110 - the library has no event
                await asyncio.sleep(0.01)
        assert library.trims == 1
    assert library.options == [(-8, memory.ARENAS)]


async def test_where_the_allocator_is_another_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    async with memory.given_back():
        pass
