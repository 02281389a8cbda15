"""Hostile text in every field that the page shows stays text."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any

import pyromark
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.harness import running_server
from tests.llm.server import LLM, Answer, Status
from tests.tool.search_service import serving as search_service
from tests.tool.web import answer, serving
from tests.web.conftest import launched

__all__ = ["browser"]

WAIT_MS = 30_000
"""For the first answer, before which the provider's SDK is imported: slow on a busy machine."""

pytestmark = pytest.mark.timeout(120)

IMAGE = "<img src=x onerror=window.pwned=1>"
SCRIPT = "</script></title></textarea><script>window.pwned=1</script>"
QUOTES = "\"'><svg onload=window.pwned=1 x='"
JINJA = "{{ 7*7 }}{% raw %}"
HOSTILE = f"{IMAGE}{SCRIPT}{QUOTES}{JINJA}"
LINK = "javascript:window.pwned=1"
OWN = re.compile(r"http://127\.0\.0\.1:|data:|blob:")
HTMX = "<hx-partial hx-target='#box'>gotcha</hx-partial><p hx-get='/session' hx-trigger='load'>"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that must send no request to other hosts and on which no foreign script may even be tried."""
    problems: list[str] = []
    page = await browser.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda sent: problems.extend({sent.url} if not OWN.match(sent.url) else ()))
    page.on("console", lambda said: problems.extend({said.text} if "Content Security" in said.text else ()))
    yield page
    assert problems == []


async def innocent(page: Page) -> None:
    """Assert that no hostile text became markup or script."""
    assert await page.evaluate("window.pwned") is None
    for selector in (
        "img[src=x]",
        "svg[onload]",
        "[onerror]",
        "script:not([src], [type=importmap])",
        "[hx-get='/session']",
    ):
        assert await page.locator(selector).count() == 0, selector
    links = await page.eval_on_selector_all("a[href]", "all => all.map(a => a.protocol)")
    assert set(links) <= {"http:", "https:", "mailto:", ":"}  # the last of an address that is none
    for box in await page.locator("#box").all():
        assert "gotcha" not in await box.input_value()


def config(llm: LLM) -> dict[str, Any]:
    return {
        "model": "local/one",
        "permission": {"todoread": "ask"},
        "provider": {
            "local": {
                "name": f"Provider {HOSTILE}",
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "none"},
                "models": {
                    "one": {"name": f"Model {HOSTILE}", "attachment": True, "variants": {HOSTILE: {"a": 1}}},
                    f"x{QUOTES}": {"name": HTMX},
                },
            }
        },
        "agent": {f"agent {HOSTILE}": {"description": HOSTILE, "mode": "primary", "prompt": "x"}},
    }


async def test_no_field_of_a_conversation_becomes_markup(page: Page, tmp_path: Path, llm: LLM) -> None:
    """Names of agents, models, providers, tools, files; results, todos, errors, titles; live and reloaded."""
    everything = f"{HOSTILE}\n\n{HTMX}\n\n[link]({LINK})\n\n![i]({LINK})\n\n<{LINK}>\n\n`{HOSTILE}`"
    todos = {"todos": [{"content": HOSTILE + HTMX, "status": "pending", "priority": "high"}]}
    async with serving() as site:
        written = f"<title>{escape(SCRIPT)}</title><article><p>{escape(IMAGE) * 40}"
        url = site.add("/page", answer(written.encode()))
        steps: list[Answer | Status] = [
            Answer(
                text=everything,
                reasoning=everything,
                tools=(
                    (HOSTILE, {HOSTILE: HOSTILE}),
                    ("todowrite", todos),
                    ("webfetch", {"url": url}),
                    ("webfetch", {"url": f"{LINK}//{IMAGE}"}),
                    ("webfetch", {"url": f"http://127.0.0.1:1/{IMAGE}"}),
                ),
            ),
            Status(400, f"The provider says {HOSTILE}{HTMX}"),
        ]
        llm.on("one", lambda request: steps.pop(0) if request.has_tools else Answer(text=HOSTILE))
        async with running_server(tmp_path, config(llm), {"OPENCODE_FETCH_ALLOW": "127.0.0.1/32"}) as server:
            await page.goto(server.url)
            await innocent(page)
            file = tmp_path / "<img src=x onerror=window.pwned=1>.txt"
            file.write_text(HOSTILE)
            await page.set_input_files("#files", [file])
            await page.fill("#box", everything)
            await page.press("#box", "Enter")
            await page.wait_for_url(re.compile(r"/chat/ses_\w+$"))
            await expect(page.locator(".failure")).to_contain_text(
                f"The provider says {IMAGE}", timeout=WAIT_MS
            )
            await expect(page.locator("#title")).to_contain_text("onerror")
            await expect(page.locator("#sessions")).to_contain_text("onerror")
            session_id = page.url.rpartition("/")[2]
            share = (await server.client.post(f"/session/{session_id}/share")).json()["share"]["url"]
            for where in (page.url, page.url, f"{server.url}/settings", share):
                await innocent(page)
                await page.goto(where)
                await expect(page.locator("body")).to_contain_text("onerror")
            await innocent(page)
            await page.goto(f"{server.url}/chat/{session_id}")
            await page.fill("#search", "onerror")
            await expect(page.locator("#found a")).to_have_count(1)
            await page.fill("#search", HOSTILE)
            await expect(page.locator("#found")).to_contain_text("onerror")
            await innocent(page)
            await page.click("#pick")
            await expect(page.locator("#models")).to_contain_text("Model <img")
            await innocent(page)
            for path in (f"/?deleted={QUOTES}", f"/login?next={QUOTES}", f"/settings?saved={HOSTILE}"):
                await page.goto(server.url + path)
                await innocent(page)
            for path in (f"/chat/{QUOTES}", f"/share/{IMAGE}/{SCRIPT}", f"/chats/search?q={HOSTILE}"):
                await page.goto(server.url + path)
                await innocent(page)
            exported = await server.client.get(f"/chat/{session_id}/export.md")
            assert exported.headers["content-type"].startswith("text/markdown")
            assert exported.headers["content-disposition"].startswith("attachment")
            assert exported.headers["x-content-type-options"] == "nosniff"


async def test_names_in_an_exported_conversation_are_escaped(tmp_path: Path, llm: LLM) -> None:
    """Messages are Markdown and exported unchanged; the names around them are plain text."""
    name = f"{HOSTILE}`**_\n# x"
    image = {"type": "file", "mime": "image/png", "filename": name, "url": "data:image/png;base64,AA=="}
    llm.script(Answer(tools=((name, {name: name}),)), Status(400, name))
    async with running_server(tmp_path, config(llm)) as server:
        session_id = await server.new_session(title=name, agent=f"agent {HOSTILE}")
        parts = [{"type": "text", "text": "hello"}, image]
        await server.client.post(f"/session/{session_id}/message", json={"parts": parts})
        exported = (await server.client.get(f"/chat/{session_id}/export.md")).text
    html = pyromark.html(exported)
    assert set(re.findall(r"<(\w+)", html)) <= {"h1", "h2", "p", "strong", "em", "blockquote"}
    assert html.count("onerror") >= 7


async def test_no_field_of_requests_or_results_becomes_markup(page: Page, tmp_path: Path, llm: LLM) -> None:
    question = {
        "question": HOSTILE,
        "header": HOSTILE,
        "options": [{"label": HOSTILE, "description": HTMX}, {"label": QUOTES, "description": IMAGE}],
    }
    found = [
        {"title": HOSTILE, "url": LINK, "content": HTMX},
        {"title": HTMX, "url": f"https://a.example/{QUOTES}", "content": HOSTILE},
        {"title": "[", "url": "https://[", "content": JINJA},
    ]
    llm.script(
        Answer(tools=(("websearch", {"query": HOSTILE}), ("question", {"questions": [question]}))),
        Answer(tools=(("webfetch", {"url": f"https://a.example/{IMAGE}"}),)),
        Answer(text="done"),
    )
    async with search_service() as service:
        service.answer({"results": found})
        env = {"TAVILY_API_KEY": "k", "TAVILY_BASE_URL": service.url}
        asking = config(llm) | {"permission": {"webfetch": "ask"}}
        async with running_server(tmp_path, asking, env) as server:
            await page.goto(server.url)
            await page.fill("#box", "go")
            await page.press("#box", "Enter")
            await page.wait_for_url(re.compile(r"/chat/ses_\w+$"))
            await expect(page.locator(".ask legend")).to_contain_text("onerror", timeout=WAIT_MS)
            await expect(page.locator(".sources")).to_contain_text("gotcha")
            await innocent(page)
            await page.reload()
            await innocent(page)
            await page.check(".option >> nth=0 >> input")
            await page.click(".ask button[value=reply]")
            await expect(page.locator(".ask pre")).to_contain_text("a.example", timeout=WAIT_MS)
            await innocent(page)
            await page.fill(".ask input[name=message]", HOSTILE)
            await page.click(".ask button[value=reject]")
            await expect(page.locator(".assistant").last).to_contain_text("done", timeout=WAIT_MS)
            await innocent(page)


@pytest.mark.parametrize("late", ["hx-csp", "hx-sse", "place"])
async def test_htmx_starts_with_its_extensions_whichever_script_loads_late(
    page: Page, tmp_path: Path, late: str
) -> None:
    """Without hx-csp, attributes in hostile text would count; without hx-sse, the page would not update."""

    async def hold_up(route: Route) -> None:
        await asyncio.sleep(0.5)
        await route.continue_()

    await page.route(f"**/{late}*.js*", hold_up)
    async with running_server(tmp_path) as server:
        session_id = await server.new_session(title="Slow network")
        async with page.expect_request("**/stream?from=*"):
            await page.goto(f"{server.url}/chat/{session_id}")
