"""Who gets in: proxies, client addresses, guessing, other sites, cookies, headers on every answer."""

import asyncio
import re
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.errors import Forbidden
from opencode.server.app import create_app
from opencode.server.client import client
from tests.harness import running_server

ENV = {"OPENCODE_SERVER_PASSWORD": "sesame", "OPENCODE_SERVER_USERNAME": "me"}
PROXIED = {**ENV, "OPENCODE_TRUSTED_PROXIES": "127.0.0.1/32, 10.0.0.0/8"}

OPEN = {
    "GET /global/health": "monitors ask it",
    "GET /login": "the way in",
    "POST /login": "the way in",
    "GET /manifest.webmanifest": "browsers fetch it without credentials",
    "GET /static/<path:filename>": "what the login page looks like",
    "GET /sandbox/preview": "an empty frame without rights; what it shows, the page gives it",
    "GET /sandbox/mermaid": "the same for diagrams",
    "GET /share/<session_id>/<token>": "shared on purpose, by a word that can't be guessed",
    "GET /share/<session_id>/<token>/older": "its earlier messages",
    "GET /share/<session_id>/<token>/file/<part_id>": "its files",
    "GET /share/<session_id>/<token>/file/<part_id>/<int:number>": "the files of its tools' results",
}


async def test_every_route_refuses_without_credentials_but_those_that_are_open_by_design(
    tmp_path: Path,
) -> None:
    app = create_app(Settings.load({"OPENCODE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}))
    routes = [
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]
    assert {f"{method} {rule}" for method, rule in routes} >= OPEN.keys()
    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        for method, rule in routes:
            path = re.sub(r"<[^>]+>", "something", rule)
            response = await server.client.request(method, path)
            if f"{method.replace('HEAD', 'GET')} {rule}" in OPEN:
                assert response.status_code != 403, (method, rule)
                assert "www-authenticate" not in response.headers, (method, rule)
            else:
                assert response.status_code == 401, (method, rule)


@pytest.mark.parametrize(
    "path",
    [
        "/share/../session",
        "/static/../session",
        "/static/..%2f..%2fsession",
        "//session",
        "/session/",
        "/Session",
        "/global/health/../../session",
        "/login/../session",
        "/session?x=/static/",
        "/session#/static/",
        "/static/%2e%2e/session",
    ],
)
async def test_no_spelling_of_a_path_gets_around_the_password(tmp_path: Path, path: str) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        title = "a secret title"
        await server.new_session(title=title)
        host, _, port = server.url.rpartition("//")[2].partition(":")
        answer = await raw(host, int(port), f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert title not in answer
        assert answer.split(" ")[1] in ("401", "404", "308", "400"), answer


async def raw(host: str, port: int, request: str) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request.encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2606:4700:1:2:3::1]:4711", "2606:4700:1:2::/64"),
        ("10.0.0.1", "2606:4700:1:2:ffff::9", "2606:4700:1:2::/64"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, <script>", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("2606:4700:1:2:3:4:5:6", "", "2606:4700:1:2::/64"),
    ],
)
async def test_a_client_is_known_by_what_the_last_trusted_proxy_says(
    tmp_path: Path, peer: str, forwarded: str, expected: str
) -> None:
    env = {**PROXIED, "OPENCODE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}
    app = create_app(Settings.load(env))
    async with app.test_request_context("/", headers={"Remote-Addr": peer, "X-Forwarded-For": forwarded}):
        assert client() == expected


async def test_guessing_from_one_address_locks_out_no_other_behind_a_proxy(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=PROXIED) as server:
        guesser = {"X-Forwarded-For": "198.51.100.1"}
        for number in range(20):
            # What the client itself writes stands further left and does not matter.
            headers = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}
            wrong = await server.client.get("/session", auth=("me", "guess"), headers=headers)
            assert wrong.status_code == 401
        refused = await server.client.get("/session", auth=("me", "guess"), headers=guesser)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        login = {"username": "me", "password": "guess"}
        page = await server.client.post("/login", data=login, headers=guesser)
        assert page.status_code == 429 and "wait" in page.text
        assert "retry-after" in page.headers
        other = {"X-Forwarded-For": "198.51.100.2"}
        assert (await server.client.get("/session", headers=other)).status_code == 200


async def test_an_address_that_no_trusted_proxy_vouches_for_is_no_way_to_guess_on(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        answers = [
            await server.client.get(
                "/session", auth=("me", "guess"), headers={"X-Forwarded-For": f"203.0.113.{number}"}
            )
            for number in range(21)
        ]
        assert [answer.status_code for answer in answers] == [401] * 20 + [429]


REBOUND = ("evil.example", "EVIL.example.:80", "evil_x.example", "127.0.0.1.evil.example", "me-my.hf.space")


async def test_a_server_without_a_password_answers_to_known_names_only(tmp_path: Path) -> None:
    """DNS rebinding: a page whose own name now is this server's is of the same origin for its browser."""
    rebound = {"Host": "evil.example:7860", "Origin": "http://evil.example:7860"}
    async with running_server(tmp_path) as server:
        for path in ("/session", "/", "/event", "/config"):
            refused = await server.client.get(path, headers=rebound)
            assert refused.status_code == 403
            assert "OPENCODE_SERVER_PASSWORD" in refused.text
        assert (await server.client.post("/session", headers=rebound)).status_code == 403
        for host in REBOUND:
            assert (await server.client.get("/session", headers={"Host": host})).status_code == 403, host
        for host in ("localhost", "LOCALHOST.:7860", "127.0.0.1:7860", "[::1]:7860", "api", "box.local"):
            assert (await server.client.get("/session", headers={"Host": host})).status_code == 200, host
    async with running_server(tmp_path, env=ENV) as server:
        assert (await server.client.get("/session", headers=rebound)).status_code == 200


async def test_names_of_the_operator_and_of_a_space_are_known(tmp_path: Path) -> None:
    env = {"OPENCODE_HOSTS": "Chat.example, *.corp.example", "SPACE_HOST": "me-my.hf.space"}
    async with running_server(tmp_path, env=env) as server:
        for host in ("chat.example", "CHAT.example:7860", "a.corp.example", "me-my.hf.space"):
            assert (await server.client.get("/session", headers={"Host": host})).status_code == 200, host
        for host in ("x.chat.example", "corp.example", "evilcorp.example", "you-your.hf.space"):
            assert (await server.client.get("/session", headers={"Host": host})).status_code == 403, host


async def test_the_name_that_a_browser_asked_a_trusted_proxy_for_must_be_known(tmp_path: Path) -> None:
    proxied = {"OPENCODE_TRUSTED_PROXIES": "127.0.0.1/32", "OPENCODE_HOSTS": "chat.example"}
    for env, forwarded, status in (
        (proxied, "evil.example", 403),
        (proxied, "chat.example, evil.example", 403),
        (proxied, "chat.example", 200),
        ({}, "evil.example", 200),
    ):
        async with running_server(tmp_path, env=env) as server:
            headers = {"X-Forwarded-Host": forwarded}
            assert (await server.client.get("/session", headers=headers)).status_code == status


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.5", "172.17.0.1", "192.168.1.9", "203.0.113.9", "::1"])
async def test_the_name_counts_whoever_the_peer_is(tmp_path: Path, peer: str) -> None:
    app = create_app(Settings.load({"OPENCODE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}))
    async with app.test_request_context(
        "/session", headers={"Remote-Addr": peer, "Host": "evil.example"}
    ) as context:
        with pytest.raises(Forbidden, match="OPENCODE_HOSTS"):
            await app.preprocess_request(context)


@pytest.mark.parametrize(
    ("env", "policy"),
    [
        ({}, "frame-ancestors 'self'"),
        ({"SPACE_ID": "me/my"}, "frame-ancestors 'self' https://huggingface.co"),
    ],
)
async def test_only_the_page_of_a_space_is_shown_in_a_frame_of_hugging_face(
    tmp_path: Path, env: dict[str, str], policy: str
) -> None:
    async with running_server(tmp_path, env=env) as server:
        for path in ("/", "/docs", "/redoc", "/settings"):
            policies = (await server.client.get(path)).headers["content-security-policy"].split("; ")
            assert policy in policies, path


async def test_pages_of_configured_origins_may_call_and_post(tmp_path: Path) -> None:
    env = {"OPENCODE_CORS": "https://app.example, https://Other.example:8443/"}
    async with running_server(tmp_path, env=env) as server:
        for origin in ("https://app.example", "https://other.example:8443", "http://localhost:3000"):
            headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            answer = await server.client.post("/session", headers=headers)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin
        for origin in (
            "https://app.example.evil.com",
            "http://app.example",
            "https://app.example:444",
            "null",
            "https://xapp.example",
        ):
            answer = await server.client.post("/session", headers={"Origin": origin})
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


async def test_a_refusal_can_be_read_by_the_page_that_may_call(tmp_path: Path) -> None:
    env = {"OPENCODE_CORS": "https://app.example", "OPENCODE_RATE_LIMIT": "1"}
    async with running_server(tmp_path, env=env) as server:
        answers = [
            await server.client.get("/session", headers={"Origin": "https://app.example"}) for _ in "ab"
        ]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[1].headers["access-control-allow-origin"] == "https://app.example"


async def test_every_answer_has_the_headers_that_keep_browsers_careful(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        for path in ("/", "/docs", "/redoc", "/settings", "/login", "/session", "/nope", "/static/css/none"):
            answer = await server.client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"] == "same-origin", path
            assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
            assert answer.headers["cache-control"] == "private, no-cache", path
            if answer.headers["content-type"].startswith("text/html"):
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy, path
                scripts = policy.partition("script-src")[2].partition(";")[0]
                assert "unsafe" not in scripts and "*" not in scripts, path
        first, second = [(await server.client.get("/")).headers["content-security-policy"] for _ in "ab"]
        assert first != second


async def test_a_cookie_is_no_longer_good_with_another_password(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        server.client.auth = None
        login = await server.client.post("/login", data={"username": "me", "password": "sesame"})
        cookie = {"Cookie": login.headers["set-cookie"].partition(";")[0]}
        assert (await server.client.get("/session", headers=cookie)).status_code == 200
        assert "Path=/" in login.headers["set-cookie"] and "Domain" not in login.headers["set-cookie"]
    async with running_server(tmp_path, env={**ENV, "OPENCODE_SERVER_PASSWORD": "new"}) as server:
        server.client.auth = None
        assert (await server.client.get("/session", headers=cookie)).status_code == 401
    assert (tmp_path / "data" / "cookie.key").stat().st_mode & 0o077 == 0
