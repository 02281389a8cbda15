"""A search service on loopback, and what Exa, Tavily and Brave answer: the shapes of their documentation."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

EMPTY: dict[str, Any] = {"exa": {"results": []}, "tavily": {"results": []}, "brave": {"type": "search"}}

FOUND: dict[str, Any] = {
    "exa": {
        "requestId": "r1",
        "searchType": "neural",
        "results": [
            {
                "id": "https://docs.example/a",
                "url": "https://docs.example/a",
                "title": "Alpha",
                "publishedDate": "2025-03-04T05:06:07.000Z",
                "author": None,
                "highlights": ["First\n excerpt.", "Second."],
                "highlightScores": [0.5, 0.4],
            },
            {"id": "b", "url": "https://docs.example/b", "title": None, "highlights": None},
        ],
        "costDollars": {"total": 0.005},
    },
    "tavily": {
        "query": "q",
        "answer": None,
        "images": [],
        "results": [
            {
                "title": "Alpha",
                "url": "https://docs.example/a",
                "content": "First\n excerpt. … Second.",
                "score": 0.8,
                "raw_content": None,
                "published_date": "Tue, 04 Mar 2025 05:06:07 GMT",
            },
            {"title": "", "url": "https://docs.example/b", "content": "", "score": 0.1},
        ],
        "response_time": "1.67",
    },
    "brave": {
        "type": "search",
        "query": {"original": "q"},
        "web": {
            "type": "search",
            "results": [
                {
                    "title": "Alpha",
                    "url": "https://docs.example/a",
                    "description": "First&nbsp;excerpt. &hellip; Second.",
                    "page_age": "2025-03-04T05:06:07",
                    "age": "March 4, 2025",
                    "profile": {"name": "Docs"},
                },
                {"title": "", "url": "https://docs.example/b", "description": ""},
            ],
        },
    },
}


class Service:
    """A search service on loopback. `reply` is what it answers with; `requests` is what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.reply: Callable[[], Awaitable[web.StreamResponse]] | web.Response = web.Response()

    def answer(self, body: object, status: int = 200) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.reply = web.Response(text=text, status=status, content_type="application/json")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json() if request.method == "POST" else dict(request.query)
        self.requests.append((f"{request.method} {request.path}", dict(request.headers), asked))
        return self.reply if isinstance(self.reply, web.Response) else await self.reply()


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    """Run a service until the block ends; a client that leaves cancels its request."""
    service = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()
