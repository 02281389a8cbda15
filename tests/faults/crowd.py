"""Many people at once, who prompt, abort, condense and delete at random, and what their models do."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.harness import events
from tests.llm.server import Answer, Request
from tests.tool.web import Site, answer

from .mirror import Mirror
from .wire_history import check

WIRES = ("anthropic", "openai", "compatible")


class Script:
    """What the models do: text, reasoning and calls, in random order and pace.

    `broken`: what is wrong with the histories that they were sent.
    """

    def __init__(self, seed: int, site: Site | None = None, pace: float = 0.01) -> None:
        self._random = random.Random(seed)
        self._site = site
        self._pace = pace
        self.broken: list[AssertionError] = []

    def __call__(self, request: Request) -> Answer:
        try:
            check(request)
        except AssertionError as error:
            self.broken.append(error)
        words = tuple(f"w{self._random.randrange(1000)} " for _ in range(self._random.randrange(3, 40)))
        pace = self._pace * self._random.random()
        if not request.has_tools:
            is_summary = "assistant" in json.dumps(request.body)
            return Answer(text=words, pace=pace) if is_summary else Answer(text="A title")
        kind = self._random.choice(("text", "text", "reasoning", "todo", "todo", "fetch"))
        if request.has_tool_output and self._random.random() < 0.6:
            kind = "text"
        if kind == "reasoning":
            return Answer(reasoning=words[: len(words) // 2 + 1], text=words, pace=pace)
        if kind == "todo":
            todos = [{"content": word, "status": "pending", "priority": "low"} for word in words[:4]]
            return Answer(text=words[:5], tools=(("todowrite", {"todos": todos}),), pace=pace)
        if kind == "fetch" and self._site is not None:
            calls = tuple(("webfetch", {"url": self._site.url("/slow")}) for _ in range(2))
            return Answer(tools=calls, pace=pace)
        return Answer(text=words, pace=pace)


def slow_page(seconds: float) -> Callable[[asyncio.StreamWriter], Any]:
    """Return a page that takes its time."""

    async def page(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(answer(b"<p>At last.</p>"))
        await writer.drain()

    return page


class Crowd:
    """`size` people; `mirror` follows everything. `asked_to_delete`: the sessions whose delete was sent."""

    def __init__(self, client: httpx.AsyncClient, mirror: Mirror, seed: int, size: int) -> None:
        self._client = client
        self._random = random.Random(seed)
        self._size = size
        self._changed = asyncio.Condition()
        self.mirror = mirror
        self.asked_to_delete: set[str] = set()
        self.turns = 0
        self._words = False

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Let them work until the block ends; what their connections meet then is nobody's concern."""
        heard = asyncio.Event()
        tasks = [asyncio.create_task(self._listen(heard))]
        await heard.wait()
        tasks += [asyncio.create_task(self._person()) for _ in range(self._size)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if not isinstance(result, asyncio.CancelledError | httpx.HTTPError | None):
                raise result

    async def until_words(self) -> None:
        """Wait until a model has begun to speak."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._words)

    async def _listen(self, heard: asyncio.Event) -> None:
        headers = {"Last-Event-ID": self.mirror.last_id} if self.mirror.last_id else {}
        async with self._client.stream("GET", "/event", headers=headers, timeout=None) as response:
            async for event_id, event in events(response):
                self.mirror.take(event_id, event)
                heard.set()
                first_word = event["type"] == "message.part.delta" and not self._words
                self._words = self._words or first_word
                if event["type"] == "session.idle" or first_word:
                    async with self._changed:
                        self._changed.notify_all()

    async def _person(self) -> None:
        while True:
            response = await self._client.post("/session")
            session_id = response.json()["id"]
            for _ in range(self._random.randrange(1, 4)):
                await self._prompt(session_id)
            if self._random.random() < 0.3:
                body = {"providerID": self._random.choice(WIRES), "modelID": "one"}
                await self._client.post(f"/session/{session_id}/summarize", json=body)
            if self._random.random() < 0.3:
                self.asked_to_delete.add(session_id)
                await self._client.delete(f"/session/{session_id}")

    async def _prompt(self, session_id: str) -> None:
        before = self.mirror.idles.get(session_id, 0)
        model = f"{self._random.choice(WIRES)}/one"
        body = {"content": "go", "model": model}
        response = await self._client.post(f"/session/{session_id}/prompt_async", json=body)
        assert response.status_code == 204, response.text
        self.turns += 1
        if self._random.random() < 0.15:
            await asyncio.sleep(self._random.random() / 2)
            await self._client.post(f"/session/{session_id}/abort")
        async with self._changed:
            await self._changed.wait_for(lambda: self.mirror.idles.get(session_id, 0) > before)
