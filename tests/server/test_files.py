"""The files of the workspace over HTTP, as opencode's server answers for the same folder."""

import base64
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, content in {
        "src/app.py": b"def hello():\n    return 1\n",
        "README.md": b"# Hi\nneedle\n",
        ".gitignore": b"dist/\n*.log\n",
        "dist/x.js": b"needle",
        "a.log": b"needle",
        "bin.dat": b"\0\1\2needle",
        "ok.png": PNG,
        "u16.txt": "hi".encode("utf-16"),
        "space name.txt": b"  x  \n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (tmp_path / "secret").write_text("outside")
    (root / "out").symlink_to("../secret")
    (root / "link").symlink_to("README.md")
    return root


@pytest.fixture
async def server(tmp_path: Path, root: Path) -> AsyncIterator[Server]:
    env = {"OPENCODE_WORKSPACE": "read", "OPENCODE_DIRECTORY": str(root)}
    (tmp_path / "data").mkdir()
    async with running_server(tmp_path / "data", {}, env) as server:
        yield server


async def get(server: Server, route: str, status: int = 200, /, **query: str) -> Any:
    response = await server.client.get(route, params=query)
    assert response.status_code == status, response.text
    return response.json()


async def test_a_directory_is_listed(server: Server, root: Path) -> None:
    nodes = await get(server, "/file", path="")
    assert nodes == await get(server, "/file", path=".") == await get(server, "/file", path=str(root))
    assert [(node["path"], node["type"], node["ignored"]) for node in nodes] == [
        (".git/", "directory", False),
        ("dist/", "directory", True),
        ("src/", "directory", False),
        (".gitignore", "file", False),
        ("a.log", "file", True),
        ("bin.dat", "file", False),
        ("ok.png", "file", False),
        ("README.md", "file", False),
        ("space name.txt", "file", False),
        ("u16.txt", "file", False),
    ]
    assert await get(server, "/file", path="src") == [
        {
            "name": "app.py",
            "path": "src/app.py",
            "absolute": str(root / "src/app.py"),
            "type": "file",
            "ignored": False,
        }
    ]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("README.md", {"type": "text", "content": "# Hi\nneedle"}),
        ("link", {"type": "text", "content": "# Hi\nneedle"}),
        ("none", {"type": "text", "content": ""}),
        ("space name.txt", {"type": "text", "content": "x"}),
        (
            "bin.dat",
            {
                "type": "binary",
                "content": "AAECbmVlZGxl",
                "encoding": "base64",
                "mimeType": "application/octet-stream",
            },
        ),
        (
            "ok.png",
            {
                "type": "binary",
                "content": base64.b64encode(PNG).decode(),
                "encoding": "base64",
                "mimeType": "image/png",
            },
        ),
        (
            "u16.txt",
            {"type": "binary", "content": "//5oAGkA", "encoding": "base64", "mimeType": "text/plain"},
        ),
    ],
)
async def test_a_file_is_read(server: Server, path: str, content: dict[str, str]) -> None:
    assert await get(server, "/file/content", path=path) == content


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "out", "src/../../secret", "a\0b", "x" * 300])
async def test_nothing_outside_is_read_or_listed(server: Server, path: str) -> None:
    for route in ("/file", "/file/content"):
        status = 400 if "\0" in path else 403
        answer = await get(server, route, status, path=path)
        assert "outside" not in answer.get("content", "")


@pytest.mark.parametrize(("route", "status"), [("/file?path=none", 404), ("/file?path=README.md", 400)])
async def test_what_can_not_be_listed_is_told(server: Server, route: str, status: int) -> None:
    assert (await server.client.get(route)).status_code == status
    assert (await server.client.get("/file")).status_code == 400
    assert (await server.client.get("/file/content", params={"path": "src"})).status_code == 400


async def test_names_are_found(server: Server) -> None:
    assert (await get(server, "/find/file", query="app"))[0] == "src/app.py"
    assert (await get(server, "/find/file", query="READ.md"))[:1] == ["README.md"]
    assert (await get(server, "/find/file", query="src"))[:2] == ["src/", "src/app.py"]
    assert await get(server, "/find/file", query="zzz") == []
    assert await get(server, "/find/file", query="", type="directory") == ["src/"]
    assert "src/" not in await get(server, "/find/file", query="s", dirs="false")
    assert len(await get(server, "/find/file", query="", limit="2")) == 2
    assert not {"dist/x.js", "a.log", "out"} & set(await get(server, "/find/file", query="", limit="200"))
    for wrong in ({"query": "s", "limit": "0"}, {"query": "s", "limit": "201"}, {}):
        await get(server, "/find/file", 400, **wrong)


async def test_text_is_found_in_files(server: Server, root: Path) -> None:
    (root / "multi.txt").write_bytes("é needle and needle\r\nother\r\né needle\r\n".encode())
    found = {match["path"]["text"]: match for match in await get(server, "/find", pattern="needle")}
    assert found["README.md"] == {
        "path": {"text": "README.md"},
        "lines": {"text": "needle\n"},
        "line_number": 2,
        "absolute_offset": 5,
        "submatches": [{"match": {"text": "needle"}, "start": 0, "end": 6}],
    }
    assert not {"dist/x.js", "a.log", "bin.dat", "out"} & set(found)
    lines = [each for each in await get(server, "/find", pattern="needle") if "multi" in each["path"]["text"]]
    assert [(each["line_number"], each["absolute_offset"]) for each in lines] == [(1, 0), (3, 29)]
    assert [(each["start"], each["end"]) for each in lines[0]["submatches"]] == [(3, 9), (14, 20)]
    assert await get(server, "/find", pattern="NEEDLE") == []
    assert [each["line_number"] for each in await get(server, "/find", pattern="(?i)^# HI")] == [1]
    for wrong in ("", "("):
        assert "pattern" in (await get(server, "/find", 400, pattern=wrong))["data"]["message"]
    (root / "many.txt").write_text("one\n" * 100)
    assert len(await get(server, "/find", pattern="^one$")) == 10


async def test_there_are_no_symbols_and_no_status(server: Server) -> None:
    assert await get(server, "/find/symbol", query="hello") == []
    assert await get(server, "/file/status") == []


async def test_the_api_document_names_the_routes(server: Server) -> None:
    paths = (await get(server, "/openapi.json"))["paths"]
    assert {"/file", "/file/content", "/file/status", "/find/file", "/find/symbol"} <= set(paths)


async def test_without_a_workspace_there_are_no_routes(tmp_path: Path) -> None:
    async with running_server(tmp_path, {}, {}) as server:
        for route in ("/file?path=", "/file/content?path=x", "/find/file?query=x"):
            assert (await server.client.get(route)).status_code == 404
        assert "/file" not in (await get(server, "/openapi.json"))["paths"]
