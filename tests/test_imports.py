"""Imports in threads, and requests that must not meet a module that is half imported."""

import asyncio
import threading

import pytest

from opencode.imports import import_in_thread, imports_finished


async def test_whoever_waits_goes_on_once_no_import_is_under_way() -> None:
    await imports_finished()
    go = threading.Event()
    importing = asyncio.create_task(import_in_thread(lambda: go.wait(10)))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(imports_finished())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    go.set()
    await asyncio.wait_for(waiting, 5)
    assert await importing is True


async def test_an_import_whose_caller_leaves_is_still_waited_for() -> None:
    go = threading.Event()
    importing = asyncio.create_task(import_in_thread(lambda: go.wait(10)))
    await asyncio.sleep(0)
    importing.cancel()
    await asyncio.wait([importing])
    waiting = asyncio.create_task(imports_finished())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    go.set()
    await asyncio.wait_for(waiting, 5)


async def test_an_import_that_fails_fails_its_caller_alone() -> None:
    def fail() -> None:
        raise ImportError("no such module")

    with pytest.raises(ImportError):
        await import_in_thread(fail)
    await imports_finished()
