import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.server.app import create_app
from tests.harness import running_server

ENV = {"OPENCODE_SERVER_PASSWORD": "sésame:open", "OPENCODE_SERVER_USERNAME": "me"}

OPEN = ("/global/health", "/login", "/static/", "/share/", "/sandbox/", "/manifest.webmanifest")
"""The way in, what it looks like, what was shared on purpose, and empty frames for what others wrote."""


async def test_every_route_but_the_way_in_asks_for_the_password(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        assert (await server.client.get("/session")).status_code == 200
        server.client.auth = None
        app = create_app(Settings.load({"OPENCODE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}))
        asked = 0
        for rule in app.url_map.iter_rules():
            if rule.rule.startswith(OPEN):
                continue
            path = re.sub(r"<[^>]+>", "something", rule.rule)
            for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
                response = await server.client.request(method, path)
                assert response.status_code == 401, (method, path)
                assert response.content == b""
                assert response.headers["www-authenticate"] == 'Basic realm="Secure Area"'
                asked += 1
        assert asked > 40
        assert (await server.client.get("/nope")).status_code == 401
        assert (await server.client.get("/global/health")).status_code == 200


async def test_a_browser_is_sent_to_the_login_page_and_let_in_by_its_cookie(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        html = {"Accept": "text/html"}
        sent = await server.client.get("/chat/ses_1?before=x", headers=html)
        assert sent.status_code == 303
        assert sent.headers["location"] == "/login?next=/chat/ses_1%3Fbefore%3Dx"
        wrong = {"username": "me", "password": "no", "next": "/settings"}
        assert (await server.client.post("/login", data=wrong)).status_code == 401
        right = await server.client.post("/login", data={**wrong, "password": "sésame:open"})
        assert right.headers["location"] == "/settings"
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "sésame" not in cookie
        assert (await server.client.get("/", headers=html)).status_code == 200
        assert (await server.client.get("/session")).status_code == 200
        await server.client.post("/logout")
        assert (await server.client.get("/session")).status_code == 401


async def test_in_a_frame_behind_https_the_cookie_is_of_that_place_alone(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        login = {"username": "me", "password": "sésame:open", "next": "//evil.example"}
        response = await server.client.post("/login", data=login, headers={"X-Forwarded-Proto": "https"})
        assert response.headers["location"] == "/"
        cookie = response.headers["set-cookie"]
        assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=None", "Partitioned"))


@pytest.mark.parametrize("value", ["", "x", "9999999999.", "9999999999.0000", "1.a", "é.é"])
async def test_a_made_up_cookie_is_refused(tmp_path: Path, value: str) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        headers = {"Cookie": f"opencode_login={value}".encode()}
        assert (await server.client.get("/session", headers=headers)).status_code == 401


async def test_guessing_is_slowed_down_and_keeps_nobody_out_who_knows_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.server.rate_limit.time.monotonic_ns", lambda: 5 * 10**12)
    async with running_server(tmp_path, env=ENV) as server:
        for _ in range(20):
            assert (await server.client.get("/session", auth=("me", "guess"))).status_code == 401
        for _ in range(20):
            refused = await server.client.get("/session", auth=("me", "guess"))
            assert refused.status_code == 429
        assert "wait" in refused.json()["data"]["message"]
        assert (await server.client.get("/session")).status_code == 200
        login = {"username": "me", "password": "sésame:open"}
        server.client.auth = None
        assert (await server.client.post("/login", data={**login, "password": "x"})).status_code == 429
        assert (await server.client.post("/login", data=login)).status_code == 303


async def test_a_flood_of_guesses_finds_nothing_and_a_login_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.server.auth.GUESSES", 30)
    monkeypatch.setattr("opencode.server.rate_limit.time.monotonic_ns", lambda: 5 * 10**12)
    async with running_server(tmp_path, env=ENV) as server:
        await server.client.post("/login", data={"username": "me", "password": "sésame:open"})
        cookies = dict(server.client.cookies)
        server.client.cookies.clear()
        for _ in range(30):
            await server.client.get("/session", auth=("me", "guess"))
        assert (await server.client.get("/session")).status_code == 429
        server.client.auth = None
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        assert (await server.client.get("/session", headers=cookie)).status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        *("//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example"),
        *(
            "/\r\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/ /evil.example",
            "/\x0b/evil.example",
        ),
        *(
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "@evil.example",
            ".evil.example",
        ),
        *("http://localhost@evil.example/", "/%2f/evil.example", "/%2Fevil.example", "/%5cevil.example"),
        *("/%252f/evil.example", "/%25252525252fevil.example", "/%09/evil.example", "/%2509/evil.example"),
        *(
            "/a//evil.example",
            "/\x00/evil.example",
            "/\x7f/x",
            "/\xa0/x",
            "///evil.example",
            "/" + "a" * 3000,
            "",
        ),
    ],
)
async def test_a_login_leads_to_this_server_only(tmp_path: Path, target: str) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        login = {"username": "me", "password": "sésame:open", "next": target}
        assert (await server.client.post("/login", data=login)).headers["location"] == "/"
        page = await server.client.get("/login", params={"next": target})
        assert 'name="next" value="/"' in page.text or page.status_code == 400


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/chat/ses_1?before=msg_1#x", "/chat/ses_1?before=msg_1#x"),
        ("/chats/search?q=https://a.example", "/chats/search?q=https://a.example"),
        ("/chats/search?q=a\r\nb", "/chats/search?q=a%0D%0Ab"),
        ("/chat/é", "/chat/%C3%A9"),
        ("/chats/search?q=%C3%A9%2F", "/chats/search?q=%C3%A9%2F"),
    ],
)
async def test_a_login_leads_back_to_the_page_that_asked_for_it(
    tmp_path: Path, target: str, location: str
) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        login = {"username": "me", "password": "sésame:open", "next": target}
        assert (await server.client.post("/login", data=login)).headers["location"] == location


async def test_the_login_page_does_not_tell_the_user_name(tmp_path: Path) -> None:
    env = {**ENV, "OPENCODE_SERVER_USERNAME": "name-that-is-secret"}
    async with running_server(tmp_path, env=env) as server:
        server.client.auth = None
        shown = (await server.client.get("/login")).text
        refused = (await server.client.post("/login", data={"username": "x", "password": "y"})).text
        assert "name-that-is-secret" not in shown + refused


@pytest.mark.parametrize("path", ["/login", "/login?next=/"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"&a=b" * 10_000, "application/x-www-form-urlencoded"),
        (b"&" * 5_000, "application/x-www-form-urlencoded"),
        (b"x" * 10_000, "multipart/form-data; boundary=x"),
    ],
)
async def test_a_login_form_is_small(tmp_path: Path, path: str, body: bytes, kind: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        for content in (body, pieces()):
            response = await server.client.post(path, content=content, headers={"Content-Type": kind})
            assert response.status_code == 413
            assert "<form" in response.text or "1,000 fields" in response.text


async def test_forms_without_files_are_small_and_have_few_fields(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        session_id = await server.new_session()
        large = {"title": "x" * 300_000}
        for path in (f"/chat/{session_id}/rename", f"/chat/{session_id}/rename/", "/settings/keys"):
            assert (await server.client.post(path, data=large)).status_code == 413
        urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
        many = await server.client.post("/chat", content=b"text=a" + b"&a=b" * 1_000, headers=urlencoded)
        assert many.status_code == 413 and "1,000 fields" in many.text
        parts = [("x", (None, b"y")) for _ in range(1_001)]
        assert (await server.client.post("/chat", files=parts)).status_code == 413
        odd = await server.client.post("/chat", content=b"text=a%ff\xff+b", headers=urlencoded)
        assert odd.status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://my.example"}, 200),
        ({"Origin": "https://my.example", "X-Forwarded-Host": "my.example"}, 200),
        ({"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"}, 200),
        ({}, 200),
    ],
)
async def test_pages_of_other_sites_may_not_post(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with running_server(tmp_path) as server:
        assert (await server.client.post("/session", headers=headers)).status_code == status
        assert len((await server.client.get("/session")).json()) == (status == 200)


@pytest.mark.parametrize("auth", [("me", "wrong"), ("opencode", "sésame:open"), ("", ""), ("me", "")])
async def test_a_wrong_password_or_name_is_refused(tmp_path: Path, auth: tuple[str, str]) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        assert (await server.client.get("/session", auth=auth)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        *(
            b"Basic",
            b"Basic !!!",
            b"Bearer x",
            b"Basic w6nDqQ==",
            b"nonsense",
            b"Basic \xff\xfe",
            b"\xff\xfe",
        ),
        *(b"Basic /////w==", b"Basic Og==", b"basic =", b"Basic \xc3\xa9"),
    ],
)
async def test_a_broken_header_is_refused(tmp_path: Path, header: bytes) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        response = await server.client.get("/session", headers={"Authorization": header})
        assert response.status_code == 401


async def test_without_a_password_nobody_is_asked(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        assert (await server.client.get("/session")).status_code == 200


async def test_the_password_is_told_nowhere(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        for path in ("/config", "/path", "/openapi.json", "/provider", "/config/providers", "/agent"):
            assert "sésame" not in (await server.client.get(path)).text


async def test_pages_of_this_machine_may_call_and_others_may_not(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        local = await server.client.options("/session", headers={"Origin": "http://localhost:3000", **ask})
        assert local.status_code == 204
        assert local.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert local.headers["access-control-allow-headers"] == "content-type"
        for origin in ("https://evil.example", "http://localhost.evil.example", "null"):
            other = await server.client.options("/session", headers={"Origin": origin, **ask})
            assert "access-control-allow-origin" not in other.headers
