"""The primary of PostgreSQL is lost under load and its standby promoted: nothing is lost that was told."""

import asyncio
from pathlib import Path

import httpx

from tests import requirements
from tests.harness import Server
from tests.postgres import PASSWORD, Postgres, running
from tests.program import program

SESSIONS = 6


class Told:
    """What a server told of its sessions: the finished parts, and the answers to prompts."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.answers: dict[str, list[str]] = {}
        self.more = asyncio.Condition()

    async def follow(self, server: Server) -> None:
        async with server.listen() as events:
            async for _, event in events:
                part = event["properties"].get("part", {})
                if event["type"] == "message.part.updated" and part.get("time", {}).get("end"):
                    self.texts[part["id"]] = part.get("text", "")

    async def talk(self, server: Server, session_id: str) -> None:
        """Send prompts for ever, again after a refusal."""
        answers = self.answers.setdefault(session_id, [])
        while True:
            try:
                answer = await server.client.post(
                    f"/session/{session_id}/message",
                    json={"parts": [{"type": "text", "text": "todo: one, two"}]},
                )
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                async with self.more:
                    answers.append(answer.json()["info"]["id"])
                    self.more.notify_all()
            else:
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.05)

    async def until_more(self, count: int) -> None:
        """Wait until each session has so many further answers."""
        until = {session_id: len(answers) + count for session_id, answers in self.answers.items()}
        async with self.more, asyncio.timeout(60):
            await self.more.wait_for(
                lambda: all(len(self.answers[session_id]) >= least for session_id, least in until.items())
            )


async def test_a_promoted_standby_has_all_that_was_told(tmp_path: Path, cluster: Postgres) -> None:
    programs = requirements.postgres_programs()
    assert programs is not None
    with (
        running(programs) as primary,
        running(programs, standby_of=primary) as standby,
    ):
        primary.administer("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.administer("SELECT pg_reload_conf()")
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://opencode:{PASSWORD}@{hosts}/postgres?target_session_attrs=read-write"
        async with program(tmp_path, OPENCODE_DATABASE_URL=url, OPENCODE_DEMO_PACE="0") as (_, server):
            told = Told()
            sessions = [await server.new_session() for _ in range(SESSIONS)]
            tasks = [asyncio.create_task(told.follow(server))]
            tasks += [asyncio.create_task(told.talk(server, session_id)) for session_id in sessions]
            await asyncio.sleep(0)
            await told.until_more(2)
            await asyncio.to_thread(primary.stop)
            await asyncio.to_thread(standby.promote)
            await told.until_more(2)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(result, asyncio.CancelledError), result
            stored = {session_id: await server.messages(session_id) for session_id in sessions}
        for session_id, answers in told.answers.items():
            assert set(answers) <= {message["info"]["id"] for message in stored[session_id]}
        parts = {
            part["id"]: part.get("text", "")
            for messages in stored.values()
            for message in messages
            for part in message["parts"]
        }
        assert told.texts
        assert told.texts.items() <= parts.items()
