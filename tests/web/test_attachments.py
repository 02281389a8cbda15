"""Files have addresses of their own, behind the same check as their message, and never stand in HTML."""

import base64
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer, Status
from tests.server.conftest import provider_config
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import at_rest, say

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
PICTURE = PIXEL + os.urandom(3_000_000)


def file(content: bytes, mime: str = "image/png", name: str = "a.png") -> dict[str, Any]:
    url = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    return {"type": "file", "mime": mime, "filename": name, "url": url}


async def post(server: Server, session_id: str, *files: dict[str, Any]) -> dict[str, Any]:
    """Send a message without an answer; return it."""
    body = {"parts": [{"type": "text", "text": "look"}, *files], "noReply": True}
    response = await server.client.post(f"/session/{session_id}/message", json=body)
    message: dict[str, Any] = response.raise_for_status().json()
    return message


async def share(server: Server, session_id: str) -> str:
    """Share a session; return the path of its link."""
    url: str = (await server.client.post(f"/session/{session_id}/share")).json()["share"]["url"]
    return url[url.index("/share/") :]


def addresses(html: str) -> list[str]:
    """Return the addresses of files in a page."""
    return [
        piece.partition('"')[0]
        for piece in html.split('"')
        if piece.startswith(("/file/", "/share/")) and "?v=" in piece
    ]


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, llm: LLM) -> AsyncIterator[Server]:
    async with running_server(tmp_path, provider_config(llm)) as server:
        yield server


async def test_a_picture_is_loaded_from_its_address_and_cached(server: Server) -> None:
    session_id = await server.new_session()
    message = await post(server, session_id, file(PICTURE))
    link = await share(server, session_id)
    for path in (f"/chat/{session_id}", link):
        page = (await server.client.get(path)).raise_for_status().text
        assert "base64," not in page and "3.0 MB" in page and len(page) < 100_000
        (address, shown) = addresses(page)
        assert address == shown
        response = await server.client.get(address)
        assert response.content == PICTURE
        headers = response.headers
        assert headers["content-type"] == "image/png"
        assert headers["content-length"] == str(len(PICTURE))
        assert headers["content-disposition"] == "inline; filename=a.png"
        assert headers["cache-control"] == "private, max-age=31536000, immutable"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'; sandbox")
        again = await server.client.get(address, headers={"If-None-Match": headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await server.client.head(address)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(PICTURE)))
        unversioned = await server.client.get(address.partition("?")[0])
        assert unversioned.headers["cache-control"] == "private, no-cache"
    exported = (await server.client.get(f"/chat/{session_id}/export.md")).text
    assert "a.png" in exported and "base64," not in exported
    assert message["parts"][1]["url"] == file(PICTURE)["url"]


@pytest.mark.parametrize(
    ("mime", "name", "kind", "disposition"),
    [
        ("text/html", "a.html", "application/octet-stream", "attachment; filename=a.html"),
        ("image/svg+xml", "a.svg", "application/octet-stream", "attachment; filename=a.svg"),
        ("application/pdf", "a.pdf", "application/pdf", "attachment; filename=a.pdf"),
        ("text/plain", "a.txt", "text/plain; charset=utf-8", "attachment; filename=a.txt"),
        (
            "a\r\nX-Evil: 1",
            "b\r\nX-Evil: 1",
            "application/octet-stream",
            'attachment; filename="b X-Evil: 1"',
        ),
        ("IMAGE/PNG", '../"q".png', "image/png", r'inline; filename="\"q\".png"'),
        (
            "text/plain",
            "é.txt",
            "text/plain; charset=utf-8",
            "attachment; filename=_.txt; filename*=UTF-8''%C3%A9.txt",
        ),
        ("text/plain", "", "text/plain; charset=utf-8", "attachment"),
    ],
)
async def test_what_is_no_picture_is_saved_and_never_shown_as_a_page(
    server: Server, mime: str, name: str, kind: str, disposition: str
) -> None:
    session_id = await server.new_session()
    content = b"<script>alert(1)</script>"
    message = await post(server, session_id, file(content) | {"mime": mime, "filename": name})
    response = await server.client.get(f"/file/{session_id}/{message['parts'][1]['id']}")
    assert response.content == content
    assert response.headers["content-type"] == kind
    assert response.headers["content-disposition"] == disposition
    assert "x-evil" not in response.headers
    (await server.client.get(f"/chat/{session_id}")).raise_for_status()


async def test_a_file_needs_the_password_or_the_secret_of_its_conversation(tmp_path: Path, llm: LLM) -> None:
    password = {"OPENCODE_SERVER_PASSWORD": "sesame"}
    async with running_server(tmp_path, provider_config(llm), password) as server:
        session_id, other = await server.new_session(), await server.new_session()
        part_id = (await post(server, session_id, file(PIXEL)))["parts"][1]["id"]
        link, other_link = await share(server, session_id), await share(server, other)
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as stranger:

            async def status(path: str) -> int:
                return (await stranger.get(path)).status_code

            assert (await server.client.get(f"/file/{session_id}/{part_id}")).content == PIXEL
            assert await status(f"/file/{session_id}/{part_id}") == 401
            assert await status(f"{link}/file/{part_id}") == 200
            assert await status(f"{link}x/file/{part_id}") == 404
            assert await status(f"{other_link}/file/{part_id}") == 404
            assert await status(f"/share/{session_id}/{other_link.rpartition('/')[2]}/file/{part_id}") == 404
            assert await status(f"{link}/file/{part_id}/0") == 404
            await server.client.delete(f"/session/{session_id}/share")
            assert await status(f"{link}/file/{part_id}") == 404


async def test_what_is_reverted_or_deleted_is_not_found(server: Server) -> None:
    session_id = await server.new_session()
    before = await post(server, session_id, file(PIXEL))
    after = await post(server, session_id, file(PIXEL))
    link = await share(server, session_id)

    async def statuses(message: dict[str, Any]) -> set[int]:
        part_id = message["parts"][1]["id"]
        paths = (f"/file/{session_id}/{part_id}", f"{link}/file/{part_id}")
        return {(await server.client.get(path)).status_code for path in paths}

    assert await statuses(before) == await statuses(after) == {200}
    await server.client.post(f"/session/{session_id}/revert", json={"messageID": after["info"]["id"]})
    assert (await statuses(before), await statuses(after)) == ({200}, {404})
    assert "1 message " in (await server.client.get(link)).text
    await server.client.post(f"/session/{session_id}/unrevert")
    assert await statuses(after) == {200}
    await server.client.delete(f"/session/{session_id}/message/{after['info']['id']}")
    assert (await statuses(before), await statuses(after)) == ({200}, {404})
    await server.client.post(f"/chat/{session_id}/delete")
    assert await statuses(before) == {404}


async def test_the_shared_page_has_earlier_messages_on_further_pages(server: Server) -> None:
    session_id = await server.new_session(title="Long")
    for number in range(70):
        body = {"parts": [{"type": "text", "text": f"word{number}."}], "noReply": True}
        await server.client.post(f"/session/{session_id}/message", json=body)
    link = await share(server, session_id)
    page = (await server.client.get(link)).text
    assert "70 messages" in page
    numbers: list[int] = []
    path = link
    while True:
        page = (await server.client.get(path)).text
        here = [int(number) for number in re.findall(r"<p>word(\d+)\.</p>", page)]
        numbers = here + numbers
        assert len(here) <= 30
        older = re.search(rf'href="({re.escape(link)}\?before=msg_\w+)"', page)
        if older is None:
            break
        path = older[1]
        fragment = (await server.client.get(path.replace("?", "/older?"))).text
        assert "<html" not in fragment
        assert re.findall(r"<p>word(\d+)\.</p>", fragment)[-1] == str(numbers[0] - 1)
    assert numbers == list(range(70))
    assert (await server.client.get(f"{link}x/older?before=msg_z")).status_code == 404


async def test_the_shared_page_has_no_actions(server: Server, llm: LLM) -> None:
    session_id = await server.new_session(title="Undone")
    llm.script(Answer(tools=(("todoread", {}),)), Status(400, "no"), Answer(text="fine"))
    await server.ask(session_id, "one")
    await server.ask(session_id, "two")
    link = await share(server, session_id)
    page = (await server.client.get(link)).text
    assert "4 messages" in page or "5 messages" in page
    assert not re.search(r"<form|hx-post|/chat/|/settings", page)
    assert "copy-text" in page
    message_id = (await server.messages(session_id))[-2]["info"]["id"]
    await server.client.post(f"/session/{session_id}/revert", json={"messageID": message_id})
    page = (await server.client.get(link)).text
    assert not re.search(r"<form|hx-post|/chat/|Restore", page)
    notice = await server.client.post(f"/chat/{session_id}/share", headers={"HX-Request": "true"})
    assert "messages so far" in notice.text


async def test_a_changed_file_has_another_address(server: Server) -> None:
    session_id = await server.new_session()
    message = await post(server, session_id, file(PICTURE))
    part = message["parts"][1]
    before = addresses((await server.client.get(f"/chat/{session_id}")).text)[0]
    changed = part | {"url": file(PIXEL)["url"]}
    path = f"/session/{session_id}/message/{message['info']['id']}/part/{part['id']}"
    (await server.client.patch(path, json=changed)).raise_for_status()
    after = addresses((await server.client.get(f"/chat/{session_id}")).text)[0]
    assert before != after
    assert (await server.client.get(after)).content == PIXEL
    assert (await server.client.get(before)).headers["cache-control"] == "private, no-cache"


async def test_a_file_that_is_removed_while_it_is_sent_ends_the_connection(server: Server) -> None:
    """Whoever reads it must not take it for whole."""
    session_id = await server.new_session()
    message = await post(server, session_id, file(os.urandom(15_000_000)))
    part_id = message["parts"][1]["id"]
    with pytest.raises(httpx.RemoteProtocolError):
        async with server.client.stream("GET", f"/file/{session_id}/{part_id}") as response:
            pieces = response.aiter_raw(1024)
            await anext(pieces)
            await server.client.delete(f"/session/{session_id}/message/{message['info']['id']}")
            async for _ in pieces:
                pass
    assert (await server.client.get("/global/health")).status_code == 200


async def test_a_sent_picture_is_shown_live_and_after_a_reload(
    open_page: OpenPage, site: Site, llm: LLM
) -> None:
    page = await open_page()
    llm.script(Answer(text="A pixel."))
    await page.set_input_files("#files", {"name": "p.png", "mimeType": "image/png", "buffer": PIXEL})
    await say(page, "what is this?")
    await page.wait_for_url("**/chat/ses_*")
    await at_rest(page)
    picture = page.locator(".user .file img")
    for _ in range(2):
        await expect(picture).to_have_js_property("naturalWidth", 1)
        assert str(await picture.get_attribute("src")).startswith("/file/ses_")
        await page.reload()
    link = await share(site.server, page.url.rpartition("/")[2])
    await page.goto(site.url + link)
    await expect(picture).to_have_js_property("naturalWidth", 1)
    assert str(await picture.get_attribute("src")).startswith(link)
    assert await page.locator("form, [hx-post]").count() == 0
