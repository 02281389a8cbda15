"""Reading a conversation: code, diagrams, previews, pictures, long texts, times, print."""

import asyncio
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.web.conftest import OpenPage, Site

DIAGRAM = "```mermaid\ngraph TD\n  A[Start] --> B{Done?}\n  B -->|no| A\n  B -->|yes| C[End<br/>of it]\n```"
SQUARE = "```svg\n<svg viewBox='0 0 9 9'><rect width=9 height=9 /></svg>\n```"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def chat_of(site: Site, *texts: str, **file: str) -> str:
    """Return the path of a chat with these prompts, which nobody answers."""
    session_id = await site.server.new_session(title="Reading")
    for text in texts:
        parts = [{"type": "text", "text": text}, *([{"type": "file", **file}] if file else [])]
        body = {"parts": parts, "noReply": True}
        (await site.server.client.post(f"/session/{session_id}/message", json=body)).raise_for_status()
    return f"/chat/{session_id}"


async def test_a_diagram_is_drawn_by_a_frame_without_origin(open_page: OpenPage, site: Site) -> None:
    page = await open_page(await chat_of(site, f"Look:\n\n{DIAGRAM}"))
    image = page.locator(".drawing img")
    await expect(image).to_be_visible(timeout=30_000)
    assert await image.evaluate("image => image.naturalWidth > 50 && image.naturalHeight > 100")
    await expect(page.locator(".mermaid > pre")).to_be_hidden()
    assert await page.locator("iframe.drawer").get_attribute("sandbox") == "allow-scripts"
    await page.click(".mermaid .preview")
    await expect(page.locator(".mermaid > pre")).to_contain_text("graph TD")
    await page.click(".mermaid .preview")
    await image.click()
    await expect(page.locator("dialog.large img")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog.large")).to_have_count(0)


async def test_a_diagram_is_drawn_again_in_the_colours_of_another_theme(
    open_page: OpenPage, site: Site
) -> None:
    page = await open_page(await chat_of(site, DIAGRAM), color_scheme="light")
    image = page.locator(".drawing img")
    await expect(image).to_be_visible(timeout=30_000)
    light = await image.get_attribute("src") or ""
    await page.emulate_media(color_scheme="dark")
    await expect(image).not_to_have_attribute("src", light)
    await page.evaluate("document.documentElement.dataset.theme = 'light'")
    await expect(image).to_have_attribute("src", light)


async def test_what_is_no_diagram_stays_code_and_says_why(open_page: OpenPage, site: Site) -> None:
    page = await open_page(await chat_of(site, "```mermaid\nnonsense here\n```\n\n" + DIAGRAM))
    await expect(page.locator(".code > .problem")).to_contain_text("can't be drawn", timeout=30_000)
    await expect(page.locator(".mermaid > pre").first).to_be_visible()
    await expect(page.locator(".drawing img")).to_be_visible()


async def test_pages_load_mermaid_and_fonts_only_where_they_are_needed(
    open_page: OpenPage, site: Site
) -> None:
    plain = await open_page(await chat_of(site, "Some `code` and\n\n```html\n<b>x</b>\n```"))
    assert not await loaded(plain, "mermaid") and not await loaded(plain, "woff2")
    maths = await open_page(await chat_of(site, "$$\\begin{pmatrix}a\\\\b\\\\c\\\\d\\end{pmatrix}$$"))
    await maths.evaluate("document.fonts.ready.then(() => 1)")
    assert await loaded(maths, "formulas.woff2") and not await loaded(maths, "alphabets.woff2")
    brackets = "[...document.querySelectorAll('mo')].map(each => each.getBoundingClientRect().height)"
    assert min(await maths.evaluate(brackets)) > 60


async def loaded(page: Page, name: str) -> bool:
    found = "name => performance.getEntriesByType('resource').some(each => each.name.includes(name))"
    return bool(await page.evaluate(found, name))


async def test_code_is_wrapped_and_downloaded(open_page: OpenPage, site: Site) -> None:
    page = await open_page(await chat_of(site, "```python\n" + "x = 1 + " * 100 + "\n```"))
    pre = page.locator(".code pre")
    assert await pre.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    await pre.focus()
    await page.keyboard.press("ArrowRight")
    check = "() => pre.scrollLeft ? done(1) : setTimeout(check, 50)"
    await pre.evaluate(f"pre => new Promise(done => {{ const check = {check}; check(); }})")
    await page.click(".code .wrap")
    assert await pre.evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    async with page.expect_download() as waiting:
        await page.click(".code .save")
    download = await waiting.value
    assert download.suggested_filename == "code.py"
    code = await asyncio.to_thread(Path(await download.path()).read_text)
    assert code.startswith("x = 1 + x = 1")


async def test_a_long_prompt_is_folded_until_it_is_wanted(open_page: OpenPage, site: Site) -> None:
    page = await open_page(await chat_of(site, "word " * 5_000, "short"), java_script_enabled=False)
    text = page.locator(".bubble > .text").first
    assert await text.evaluate("text => text.offsetHeight") < 400
    await expect(page.locator(".unfold")).to_have_count(1)
    await page.click(".unfold")
    assert await text.evaluate("text => text.offsetHeight") > 2_000
    await expect(page.locator(".unfold")).to_have_text("Show less", use_inner_text=True)


async def test_a_picture_is_enlarged(open_page: OpenPage, site: Site) -> None:
    file = {"mime": "image/png", "url": f"data:image/png;base64,{PIXEL}", "filename": "dot.png"}
    page = await open_page(await chat_of(site, "see", **file))
    await page.press(".file a", "Enter")
    await expect(page.locator("dialog.large img")).to_be_visible()
    await page.click("dialog.large button")
    await expect(page.locator("dialog.large")).to_have_count(0)
    assert len(page.context.pages) == 1


async def test_a_footnote_is_found_from_its_number(open_page: OpenPage, site: Site) -> None:
    page = await open_page(await chat_of(site, "A[^1].\n\n" + "x\n\n" * 50 + "[^1]: The note."))
    await page.click("a.note")
    await expect(page.locator(".footnote")).to_be_focused()
    await expect(page.locator(".footnote")).to_be_in_viewport()


async def test_times_show_on_hover_in_the_readers_time_zone(open_page: OpenPage, site: Site) -> None:
    page = await open_page(await chat_of(site, "when?"), timezone_id="Asia/Tokyo", locale="en-GB")
    time = page.locator("time.when")
    await page.hover(".message.user")
    await expect(time).to_be_visible()
    assert "T" not in await time.inner_text() and ":" in await time.inner_text()


async def test_the_whole_conversation_is_printed(open_page: OpenPage, site: Site) -> None:
    path = await chat_of(site, *(f"message {number}" for number in range(70)), DIAGRAM)
    shared = (await site.server.client.post(f"/session{path.removeprefix('/chat')}/share")).json()
    link = shared["share"]["url"]
    for place in (path, link[link.index("/share/") :]):
        page = await open_page(place, color_scheme="dark")
        count = "document.querySelectorAll('.message').length"
        await page.evaluate(
            f"() => {{ window.print = () => {{ document.body.dataset.printed = {count}; }}; }}"
        )
        await page.keyboard.press("Control+p")
        await expect(page.locator("body")).to_have_attribute("data-printed", "71", timeout=60_000)
        await expect(page.locator(".drawing img")).to_have_count(1)
        await page.emulate_media(media="print")
        colour = await page.evaluate("getComputedStyle(document.body).color")
        assert colour == "rgb(0, 0, 0)"
        await expect(page.locator("#messages > .older")).to_have_count(0)


HOSTILE = """
<!doctype html><html onclick="parent.pwned=1"><head><base href="http://ADDRESS/0">
<meta http-equiv=refresh content="0;url=http://ADDRESS/1"><link rel=preconnect href="http://ADDRESS/2">
<link rel=stylesheet href="http://ADDRESS/3">
<style>@import "http://ADDRESS/4"; p { background: url(http://ADDRESS/5) }
@font-face { font-family: x; src: url(http://ADDRESS/6) }
p { font-family: x; color: rgb(1, 2, 3) }</style></head>
<body onload="parent.pwned=1">
<img src="http://ADDRESS/7"
srcset="http://ADDRESS/8 2x"
  onerror="document.title='ran'">
<iframe src="http://ADDRESS/9"></iframe><iframe srcdoc="<script>top.pwned=1</script>"></iframe>
<object data="http://ADDRESS/10"></object><embed src="http://ADDRESS/11">
<video src="http://ADDRESS/12" autoplay></video>
<template shadowrootmode=open><iframe src="http://ADDRESS/13"></iframe></template>
<form action="http://ADDRESS/14"><button id=send>send</button></form>
<a id=away href="http://ADDRESS/15" ping="http://ADDRESS/16">away</a>
<a id=out href="http://ADDRESS/17" target=_top>out</a><a id=code href="javascript:parent.pwned=1">code</a>
<svg><image href="http://ADDRESS/18"/><use href="http://ADDRESS/19#x"/>
<script>document.title = "ran"</script></svg>
<math><maction xlink:href="http://ADDRESS/20">x</maction></math><p id=made>made</p>
<script>document.title = "ran"; new RTCPeerConnection(); fetch("http://ADDRESS/21")</script></body></html>
"""


async def test_a_preview_runs_no_script_and_makes_no_connection(browser: Browser, site: Site) -> None:
    """Whatever the HTML of a model tries: no connection is made, and nothing of the page is reached."""
    connections = list[bytes]()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(b"made")  # even one over which nothing is asked
        connections.append(await reader.read(200))
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    address = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    path = await chat_of(site, f"```html\n{HOSTILE.replace('ADDRESS', address)}\n```", SQUARE)
    page = await (await browser.new_context()).new_page()
    await page.goto(site.url + path)
    await page.click(".html .preview")
    frame = page.frame_locator("iframe.shown").first
    await expect(frame.locator("#made")).to_have_css("color", "rgb(1, 2, 3)")
    await expect(page.locator(".html > .problem")).to_contain_text("Scripts do not run")
    for link in ("#made", "#send", "#out", "#code", "#away"):
        await frame.locator(link).click()
    await page.click(".svg .preview")
    await expect(page.frame_locator(".svg > .shown").locator("rect")).to_be_visible()
    assert not await page.evaluate("window.pwned")
    assert all([await each.title() != "ran" for each in page.frames])
    assert page.url == site.url + path and len(page.context.pages) == 1
    await page.click(".html .preview")
    await expect(page.locator("iframe.shown")).to_have_count(1)
    await page.context.close()
    listener.close()
    assert connections == []


async def test_hostile_diagrams_run_nothing_and_load_nothing(browser: Browser, site: Site) -> None:
    hostile = (
        'graph TD\n  A["<img src=x onerror=parent.pwned=1>"] --> B\n  click A href "javascript:alert(1)"\n'
        '  click B call alert("x")\n  click B "https://example.com"',
        '%%{init: {"securityLevel": "loose", "theme": "base", "themeCSS": "@import url(https://example.com/a)"}}%%\n'
        "graph TD\n  A-->B",
        "sequenceDiagram\n  A->>B: <script>parent.pwned=1</script>",
        "graph TD\n" + "".join(f"  A{number} --> B{number}\n" for number in range(2_000)),
        'flowchart TD\n  A@{ img: "https://example.com/x.png", label: "x", pos: "t", w: 60, h: 60 }',
    )
    path = await chat_of(site, *(f"```mermaid\n{text}\n```" for text in hostile))
    page = await (await browser.new_context()).new_page()
    foreign = list[str]()
    answered = "requestfinished"
    page.on(answered, lambda request: foreign.append(request.url) if "example.com" in request.url else None)
    page.on("dialog", lambda dialog: foreign.append(dialog.message))
    await page.goto(site.url + path)
    ended = page.locator(".mermaid:has(> .problem), .mermaid:has(> .shown)")
    await expect(ended).to_have_count(len(hostile), timeout=60_000)
    assert not await page.evaluate("window.pwned")
    assert await page.locator(".mermaid a, .mermaid svg, .mermaid script").count() == 0
    assert foreign == []
    await page.context.close()


async def test_frames_have_no_origin_wherever_they_are_opened(site: Site) -> None:
    for name in ("preview", "mermaid"):
        policy = (await site.server.client.get(f"/sandbox/{name}")).headers["Content-Security-Policy"]
        assert "sandbox allow-scripts;" in policy and "default-src 'none'" in policy
        assert "allow-same-origin" not in policy and "frame-ancestors 'self'" in policy
