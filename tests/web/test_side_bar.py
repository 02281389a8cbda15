"""The side bar: what chats are called, what they do, their menus, and many of them at once."""

import asyncio
import io
import re
import zipfile

from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import at_rest, begin
from tests.web.test_robustness import serious


async def open_menu(page: Page, session_id: str) -> None:
    item = page.locator(f"#side-{session_id}")
    await item.hover()
    await item.locator(".item-more").click()
    await expect(page.locator("#chat-menu")).to_be_visible()


async def pick(page: Page, *session_ids: str) -> None:
    """Begin a selection at the first, and add the others by clicks on their names."""
    await open_menu(page, session_ids[0])
    await page.click("#chat-menu >> text=Select")
    for session_id in session_ids[1:]:
        await page.click(f"#side-{session_id} a")
    await expect(page.locator("#many p")).to_have_text(f"{len(session_ids)} selected")


async def test_an_untitled_chat_is_called_by_its_first_words(
    page: Page, open_page: OpenPage, site: Site, llm: LLM
) -> None:
    llm.script(Status(400, "No credit."))
    await begin(page, "Which ferries go from\nLisbon to Cacilhas on Sundays, and how long do they take?")
    await expect(page.locator(".failure")).to_be_visible()
    words = "Which ferries go from Lisbon to Cacilhas on Sundays, and…"
    await expect(page.locator("#title")).to_have_text(words)
    await expect(page.locator("#sessions a")).to_have_text(words)
    await expect(page).to_have_title(f"{words} · OpenCode API")
    session_id = page.url.rpartition("/")[2]
    session = (await site.server.client.get(f"/session/{session_id}")).json()
    assert session["title"].startswith("New session - ")
    document = await site.server.client.get(f"/chat/{session_id}/export.md")
    assert document.text.startswith("# Which ferries")
    other = await open_page()
    await expect(other.locator("#sessions a")).to_have_text(words)
    created = await site.server.new_session()
    await expect(page.locator(f"#side-{created} a")).to_have_text("New chat")


async def test_the_menu_of_a_chat_renames_pins_shares_and_deletes_it_beside_the_open_one(
    open_page: OpenPage, site: Site
) -> None:
    session_id = await site.server.new_session(title="Old name")
    kept = await site.server.new_session(title="Open one")
    page = await open_page(f"/chat/{kept}")
    await open_menu(page, session_id)
    await serious(page)
    await page.fill("#chat-menu input", "New name")
    await page.press("#chat-menu input", "Enter")
    await expect(page.locator(f"#side-{session_id} a")).to_have_text("New name")
    await expect(page.locator("#chat-menu")).to_be_hidden()
    await open_menu(page, session_id)
    await page.click("#chat-menu >> text=Pin")
    await expect(page.locator("#sessions h2").first).to_have_text("Pinned")
    await open_menu(page, session_id)
    await page.click("#chat-menu >> text=Share a read-only link")
    await expect(page.locator("#notice a")).to_have_attribute("href", re.compile(session_id))
    await open_menu(page, session_id)
    async with page.expect_download() as download:
        await page.click("#chat-menu >> text=Export as Markdown")
    assert (await download.value).suggested_filename == "New-name.md"
    await open_menu(page, session_id)
    await page.click("#chat-menu >> text=Delete")
    await expect(page.locator("#sessions li")).to_have_count(1)
    await page.click("#notice >> text=Undo")
    await expect(page.locator("#sessions li")).to_have_count(2)
    await expect(page.locator("#title")).to_have_text("Open one")


async def test_escape_closes_the_menu_of_a_chat_and_the_answer_goes_on(page: Page, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("on and on", " done"), gate=gate))
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    await open_menu(page, page.url.rpartition("/")[2])
    await page.keyboard.press("Escape")
    await expect(page.locator("#chat-menu")).to_be_hidden()
    await expect(page.locator(".item-more")).to_be_focused()
    await expect(page.locator("#activity")).to_have_attribute("data-state", "busy")
    gate.set()
    await expect(page.locator(".assistant")).to_contain_text("done")


async def test_many_chats_are_deleted_at_once_with_one_undo(open_page: OpenPage, site: Site) -> None:
    ids = [await site.server.new_session(title=f"Chat {number}") for number in range(5)]
    page = await open_page(f"/chat/{ids[1]}")
    await pick(page, ids[0], ids[1], ids[2])
    await serious(page)
    await page.click("#many >> text=Delete")
    await expect(page.locator("#sessions li")).to_have_count(2)
    await expect(page.locator(".hello")).to_be_visible()  # the open chat was among them
    await expect(page.locator("#notice")).to_contain_text("3 chats were deleted.")
    await expect(page.locator("#many")).to_have_count(0)
    await page.click("#notice >> text=Undo")
    await expect(page.locator("#sessions li")).to_have_count(5)
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_selection_grows_with_shift_and_ends_with_escape(open_page: OpenPage, site: Site) -> None:
    ids = [await site.server.new_session(title=f"Chat {number}") for number in range(5)]
    page = await open_page()
    await pick(page, ids[4])
    await page.click(f"#side-{ids[1]} a", modifiers=["Shift"])
    await expect(page.locator("#many p")).to_have_text("4 selected")
    await page.click("#many >> text=All")
    await expect(page.locator("#many p")).to_have_text("5 selected")
    await site.server.new_session(title="One more")  # the list is rendered anew meanwhile
    await expect(page.locator("#sessions li")).to_have_count(6)
    await expect(page.locator("#sessions :checked")).to_have_count(5)
    await page.press("#sessions :checked >> nth=0", "Escape")
    await expect(page.locator("#many")).to_have_count(0)
    await expect(page.locator("#sessions :checked")).to_have_count(0)
    assert page.url.endswith("/")


async def test_archived_chats_leave_the_list_are_found_and_come_back(open_page: OpenPage, site: Site) -> None:
    ids = [await site.server.new_session(title=f"Chat {number}") for number in range(3)]
    page = await open_page()
    await pick(page, ids[0], ids[2])
    await page.click("#many >> text=Archive")
    await expect(page.locator("#sessions li")).to_have_count(1)
    await expect(page.locator("#notice")).to_contain_text("2 chats were archived.")
    await page.click("#notice >> text=Undo")
    await expect(page.locator("#sessions li")).to_have_count(3)
    await open_menu(page, ids[0])
    await page.click("#chat-menu >> text=Archive")
    await expect(page.locator("#sessions li")).to_have_count(2)
    await page.fill("#search", "Chat 0")
    await expect(page.locator("#found a")).to_contain_text("archived")
    await page.fill("#search", "")
    await page.click("text=Archived chats")
    await expect(page.locator("#older li")).to_have_count(1)
    await page.locator("#older li").hover()
    await page.click("#older .item-more")
    await page.click("#chat-menu >> text=Move out of the archive")
    await expect(page.locator("#sessions li")).to_have_count(3)
    await expect(page.locator("#older li")).to_have_count(0)


async def test_a_list_of_archived_chats_hides_no_others(site: Site) -> None:
    kept = await site.server.new_session(title="Kept")
    for number in range(90):
        session_id = await site.server.new_session(title=f"Gone {number}")
        await site.server.client.patch(f"/session/{session_id}", json={"time": {"archived": 5}})
    start = (await site.server.client.get("/")).text
    assert f"/chat/{kept}" in start and "Gone" not in start
    first = (await site.server.client.get("/chats/archived")).text
    cursor = re.search(r"/chats/archived\?after=([\w-]+)", first)
    assert cursor is not None and first.count("<li") == 80
    second = (await site.server.client.get(f"/chats/archived?after={cursor[1]}")).text
    assert second.count("<li") == 10 and "after=" not in second


async def test_many_chats_are_exported_as_a_zip(open_page: OpenPage, site: Site, llm: LLM) -> None:
    llm.on("one", Answer(text="an answer"))
    ids = [await site.server.new_session(title=f"Chat/{number}") for number in range(2)]
    for session_id in ids:
        await site.server.ask(session_id, "a question")
    page = await open_page()
    await pick(page, *ids)
    async with page.expect_download() as download:
        await page.click("#many >> text=Export")
    assert (await download.value).suggested_filename == "chats.zip"
    response = await site.server.client.post("/chats/export", data={"id": [*ids, "ses_gone"]})
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        names = sorted(archive.namelist())
        assert [name[:6] for name in names] == ["Chat-0", "Chat-1"]
        document = archive.read(names[0])
    assert b"an answer" in document
    imported = await site.server.client.post("/session/import", content=document)
    assert imported.status_code == 200


async def test_a_selection_needs_a_chat_and_is_bounded(site: Site) -> None:
    for path in ("delete", "undelete", "archive", "unarchive", "export"):
        for ids, text in (([], "select at least one"), ([f"ses_{n}" for n in range(501)], "up to 500")):
            response = await site.server.client.post(f"/chats/{path}", data={"id": ids})
            assert response.status_code == 400 and text in response.text
    late = await site.server.client.post("/chats/undelete", data={"id": "ses_gone"})
    assert late.status_code == 404 and "too late" in late.text


async def test_what_runs_and_what_waits_shows_in_the_list_and_in_the_tab(
    open_page: OpenPage, site: Site, llm: LLM
) -> None:
    question = {"question": "Which?", "header": "Colour", "options": [{"label": "Red", "description": ""}]}
    gate = asyncio.Event()
    llm.script(
        Answer(text=("one moment", "."), gate=gate, tools=(("question", {"questions": [question]}),)),
        Answer(text="Red it is."),
    )
    start = await open_page()
    page = await open_page()
    plain = await page.get_attribute("link[rel=icon]", "href")
    await begin(page, "Ask me")
    item = page.locator("#sessions li")
    await expect(item).to_have_attribute("data-state", "busy")
    await expect(page).to_have_title(re.compile("^● "))
    await expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-busy"))
    gate.set()
    for tab in (page, start):
        await expect(tab.locator("#sessions li")).to_have_attribute("data-state", "waiting")
        await expect(tab.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-waiting"))
    await expect(page).to_have_title(re.compile("^❓ "))
    await expect(start).to_have_title("(1) OpenCode API")
    await serious(page)
    await page.click(".ask >> text=Red")
    await page.click(".ask button.primary")
    await at_rest(page)
    for tab in (page, start):
        await expect(tab.locator("#sessions [data-state]")).to_have_count(0)
        await expect(tab.locator("link[rel=icon]")).to_have_attribute("href", str(plain))


FAKE_NOTIFICATION = """
    window.shown = [];
    window.Notification = class { constructor(title, {body}) { shown.push(`${title}: ${body}`); } };
    Notification.permission = 'default';
    Notification.requestPermission = () => {
        window.asked = (window.asked ?? 0) + 1;
        Notification.permission = 'granted';
    };
    Object.defineProperty(document, 'hidden', { get: () => window.isHidden ?? false });
"""


async def test_the_end_of_a_long_answer_notifies_a_hidden_tab_once_that_is_allowed(
    page: Page, llm: LLM
) -> None:
    gate, second = asyncio.Event(), asyncio.Event()
    llm.script(Answer(text=("one", " two"), gate=gate), Answer(text=("three", " four"), gate=second))
    await page.add_init_script(FAKE_NOTIFICATION)
    await page.clock.install()
    await page.reload()
    await begin(page, "A long task")
    await expect(page.locator(".assistant")).to_contain_text("one")
    await expect(page.locator("#sessions li")).to_have_attribute("data-state", "busy")
    await expect(page.locator("#notify")).to_be_hidden()
    await page.clock.fast_forward(11_000)
    await page.click("#notify")
    await expect(page.locator("#notify")).to_be_hidden()
    assert await page.evaluate("asked") == 1
    await page.evaluate("window.isHidden = true")
    gate.set()
    await expect(page.locator("#sessions [data-state]")).to_have_count(0)
    await page.clock.fast_forward(1_000)
    await page.wait_for_function("shown.length")
    assert await page.evaluate("shown") == ["A title: The answer is finished."]
    await page.fill("#box", "A short task")
    await page.press("#box", "Enter")
    await expect(page.locator("#sessions li")).to_have_attribute("data-state", "busy")
    second.set()
    await at_rest(page)
    await expect(page.locator("#sessions [data-state]")).to_have_count(0)
    assert len(await page.evaluate("shown")) == 1


async def test_the_key_of_the_side_bar_opens_the_drawer_in_landscape(open_page: OpenPage) -> None:
    page = await open_page("/", viewport={"width": 844, "height": 390})
    await page.keyboard.press("Control+Shift+S")
    await expect(page.locator("#search")).to_be_in_viewport()
    await page.keyboard.press("Control+Shift+S")
    await expect(page.locator("#search")).not_to_be_in_viewport()
