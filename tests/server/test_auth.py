from pathlib import Path

import pytest

from tests.harness import running_server

ENV = {"OPENCODE_SERVER_PASSWORD": "sésame:open", "OPENCODE_SERVER_USERNAME": "me"}


async def test_every_route_but_health_asks_for_the_password(tmp_path: Path) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        assert (await server.client.get("/session")).status_code == 200
        server.client.auth = None
        for path in (
            "/session",
            "/event",
            "/docs",
            "/openapi.json",
            "/config",
            "/nope",
            "/static/docs/swagger.js",
        ):
            response = await server.client.get(path)
            assert response.status_code == 401, path
            assert response.content == b""
            assert response.headers["www-authenticate"] == 'Basic realm="Secure Area"'
        assert (await server.client.get("/global/health")).status_code == 200


@pytest.mark.parametrize("auth", [("me", "wrong"), ("opencode", "sésame:open"), ("", ""), ("me", "")])
async def test_a_wrong_password_or_name_is_refused(tmp_path: Path, auth: tuple[str, str]) -> None:
    async with running_server(tmp_path, env=ENV) as server:
        assert (await server.client.get("/session", auth=auth)).status_code == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer x", "Basic w6nDqQ==", "nonsense"])
async def test_a_broken_header_is_refused(tmp_path: Path, header: str) -> None:
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
