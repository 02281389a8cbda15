"""The settings page: model servers, keys, defaults, a chat's settings, MCP servers, theme."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer
from tests.mcp.conftest import liar
from tests.web.conftest import OpenPage, Site, serving
from tests.web.test_conversation import CHAT, at_rest, say
from tests.web.test_robustness import serious

KEY = "sk-planted-secret"


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path, llm: LLM) -> AsyncIterator[Site]:
    servers = {
        "probe": msgspec.to_builtins(liar("modest")),
        "gone": {"type": "local", "command": ["/no/such"]},
    }
    async with serving(tmp_path, llm, {"HOST": "127.0.0.1"}, mcp=servers) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Page:
    return await open_page("/settings")


async def add_server(page: Page, llm: LLM, name: str = "My Server", key: str = KEY) -> None:
    form = page.locator("form[action='/settings/providers']")
    await form.locator("[name=name]").fill(name)
    await form.locator("[name=url]").fill(llm.url)  # without /v1, as people copy it
    await form.locator("[name=key]").fill(key)
    await form.locator("button").click()


async def test_a_server_is_tried_added_kept_over_a_restart_and_removed(
    page: Page, site: Site, llm: LLM
) -> None:
    llm.key = KEY
    await add_server(page, llm)
    await expect(page.locator("#providers .success")).to_have_text(
        "My Server is added. Its models can be used now."
    )
    row = page.locator("#providers .rows > li", has_text="My Server")
    await expect(row).to_contain_text(f"2 models · added here, with a key · {llm.url}/v1")
    await row.locator("summary").click()
    await expect(row.locator(".notes li")).to_have_text(["one", "two"])
    await site.restart()
    await page.goto(f"{site.url}/settings")
    await expect(row).to_contain_text("2 models · added here, with a key")
    assert KEY not in await page.content()
    await row.get_by_role("button", name="Remove My Server").click()
    await expect(row).to_have_count(0)


async def test_a_server_that_does_not_answer_as_it_should_is_not_added(page: Page, llm: LLM) -> None:
    llm.key = KEY
    await add_server(page, llm, key="sk-wrong")
    await expect(page.locator("#providers .problem")).to_contain_text("Incorrect API key provided.")
    form = page.locator("form[action='/settings/providers']")
    await form.locator("[name=name]").fill("Nowhere")
    await form.locator("[name=url]").fill("http://127.0.0.1:9/v1")
    await form.locator("button").click()
    await expect(page.locator("#providers .problem")).to_contain_text("it refused the connection")
    await expect(page.locator("#providers .rows > li")).to_have_count(1)


async def test_strangers_cannot_have_addresses_asked(
    tmp_path: Path, llm: LLM, open_page: OpenPage, site: Site
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with serving(other, llm) as strangers:
        page = await open_page("/settings")
        await page.goto(f"{site.url}/settings")
        client = strangers.server.client
        shown = await client.get("/settings")
        assert 'action="/settings/providers"' not in shown.text and "OPENCODE_SERVER_PASSWORD" in shown.text
        before = llm.listings
        for path in ("providers", "providers/local/remove", "defaults"):
            refused = await client.post(f"/settings/{path}", data={"name": "x", "url": llm.url})
            assert refused.status_code == 403
        assert llm.listings == before


async def test_a_key_is_tried_removed_and_never_shown(page: Page, llm: LLM) -> None:
    await add_server(page, llm)
    row = page.locator("#providers .rows > li", has_text="My Server")
    await row.get_by_role("button", name="Test My Server").click()
    await expect(page.locator("#providers .success")).to_have_text("My Server works: it lists 2 models.")
    llm.key = "sk-another"
    await row.get_by_role("button", name="Test My Server").click()
    await expect(page.locator("#providers .problem")).to_contain_text("Incorrect API key provided.")
    await row.get_by_role("button", name="Remove key of My Server").click()
    await expect(row).not_to_contain_text("with a key")
    keys = page.locator("form[action='/settings/keys']")
    await keys.locator("select").select_option("my-server")
    await keys.locator("[name=key]").fill("sk-wrong")
    await keys.locator("button").click()
    await expect(page.locator("#providers .problem")).to_contain_text(
        "not saved, because My Server refused it"
    )
    await expect(row).not_to_contain_text("with a key")
    await keys.locator("select").select_option("my-server")
    await keys.locator("[name=key]").fill("sk-another")
    await keys.locator("button").click()
    await expect(page.locator("#providers .success")).to_have_text(
        "The API key for My Server is saved, and it works."
    )
    await expect(row).to_contain_text("with a key")
    assert "sk-another" not in await page.content()


async def test_the_defaults_are_what_new_chats_begin_with(page: Page, open_page: OpenPage, llm: LLM) -> None:
    llm.on("two", Answer(text="From two"))
    await page.locator("#defaults [name=model]").select_option("local/two")
    await page.locator("#defaults [name=agent]").select_option("plan")
    await page.locator("#defaults button").click()
    await expect(page.locator("#defaults .success")).to_be_visible()
    await expect(page.locator("#defaults [name=model]")).to_have_value("local/two")
    other = await open_page("/")
    await expect(other.locator("#picked")).to_have_text("two")
    await expect(other.locator("#composer [name=agent]")).to_have_value("plan")
    await say(other, "Hello")
    await expect(other.locator(".assistant")).to_contain_text("From two")


async def test_a_chat_has_instructions_tools_and_a_temperature(page: Page, site: Site, llm: LLM) -> None:
    llm.on("one", Answer(text="Bonjour"))
    await page.goto(site.url)
    await page.get_by_role("link", name="New chat with instructions of its own").click()
    await page.get_by_label("Instructions").fill("Answer in French.")
    await page.get_by_label("Temperature").fill("0.3")
    await page.locator("[name=on][value=webfetch]").uncheck()
    await page.get_by_role("button", name="Start the chat").click()
    await page.wait_for_url(CHAT)
    await say(page, "Hello")
    await expect(page.locator(".assistant")).to_contain_text("Bonjour")
    asked = next(request for request in llm.requests if request.has_tools).body
    assert "Answer in French." in str(asked["messages"][0]) and asked["temperature"] == 0.3
    offered = {tool["function"]["name"] for tool in asked["tools"]}
    assert "websearch" in offered and "webfetch" not in offered
    await at_rest(page)
    llm.requests.clear()
    await page.click(".more summary")
    await page.get_by_role("link", name="Instructions and tools").click()
    await expect(page.get_by_label("Instructions")).to_have_value("Answer in French.")
    await page.get_by_label("Instructions").fill("")
    await page.get_by_label("Temperature").fill("")
    await page.locator("[name=on][value=webfetch]").check()
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url(CHAT)
    await page.click(".message.assistant:last-child .again button")
    await llm.until(lambda llm: bool(llm.requests))
    asked = llm.requests[-1].body
    assert "French" not in str(asked["messages"]) and "temperature" not in asked
    assert "webfetch" in {tool["function"]["name"] for tool in asked["tools"]}


async def test_mcp_servers_show_state_tools_and_errors_and_can_be_switched(page: Page) -> None:
    probe = page.locator("#mcp .rows > li", has_text="probe")
    gone = page.locator("#mcp .rows > li", has_text="gone")
    await expect(probe).to_contain_text("connected")
    await expect(gone).to_contain_text("not connected")
    await expect(gone.locator(".hint")).to_contain_text("/no/such")
    await probe.locator("summary", has_text="tool").first.click()
    await expect(probe.locator("code").first).to_contain_text("probe_")
    await probe.get_by_role("button", name="Disconnect probe").click()
    await expect(probe.locator("small").first).to_have_text("off")
    await expect(probe.locator("summary")).to_have_count(0)
    await probe.get_by_role("button", name="Connect probe").click()
    await expect(probe.locator("small").first).to_have_text("connected")
    await probe.get_by_role("button", name="Reconnect probe").click()
    await expect(probe.locator("small").first).to_have_text("connected")
    await gone.get_by_role("button", name="Connect gone").click()
    await expect(gone.locator(".hint")).to_contain_text("/no/such")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_settings_and_those_of_a_chat_are_accessible(
    open_page: OpenPage, site: Site, scheme: str
) -> None:
    session_id = await site.server.new_session(title="Set up")
    page = await open_page("/settings", color_scheme=scheme, viewport={"width": 390, "height": 800})
    for summary in await page.locator("main summary").all():
        await summary.click()
    await serious(page)
    for path in ("/chat/settings", f"/chat/{session_id}/settings"):
        await page.goto(f"{site.url}{path}")
        await serious(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_theme_is_the_same_in_every_tab(page: Page, site: Site) -> None:
    chat, second = await page.context.new_page(), await page.context.new_page()
    await chat.goto(site.url)
    await second.goto(f"{site.url}/settings")
    await page.locator("#theme label", has_text="Dark").click()
    await expect(chat.locator("html[data-theme=dark]")).to_have_count(1)
    await expect(second.locator("#theme [value=dark]")).to_be_checked()
    await page.locator("#theme label", has_text="System").click()
    await expect(chat.locator("html[data-theme]")).to_have_count(0)
    await expect(second.locator("#theme [value=system]")).to_be_checked()
