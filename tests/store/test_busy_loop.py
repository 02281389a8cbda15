"""A commit beside an event loop that never rests: its thread must get at the interpreter in time."""

import asyncio
from pathlib import Path

from opencode.store import Store
from tests.store.test_store import make_prompt, make_session, make_text


async def test_a_commit_and_a_read_beside_a_busy_loop_end_in_time(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, None)
    sessions = [make_session() for _ in range(50)]
    for session in sessions:
        store.put_session(session)
    await store.commit()
    has_ended = False

    async def busy() -> None:
        while not has_ended:
            sum(range(1_000))
            await asyncio.sleep(0)

    task = asyncio.create_task(busy())
    for session in sessions:
        prompt = make_prompt(session.id)
        store.put_message(prompt)
        store.put_part(make_text(prompt, "hello " * 40))
    async with asyncio.timeout(5):
        await store.commit()
        assert len(await store.messages(sessions[0].id)) == 1
    has_ended = True
    await task
    await store.close()
