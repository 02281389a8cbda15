"""The published conformance suite of MCP runs this server's client, but for `auth/*` and elicitation."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.requirements import CONFORMANCE, ROOT

HERE = Path(__file__).parent / "conformance"
NODE = ["node", "--import", str(HERE / "node20.mjs"), str(CONFORMANCE)]
COMMAND = f"{sys.executable} -m tests.mcp.conformance.client"
LATEST = "2026-07-28"
SCENARIOS = (
    ("initialize", ""),
    ("tools_call", "2025-06-18"),
    ("tools_call", "2025-11-25"),
    ("tools_call", LATEST),
    ("sse-retry", ""),
    ("request-metadata", ""),
    ("sep-2322-client-request-state", ""),
    ("http-standard-headers", ""),
    ("http-custom-headers", ""),
    ("http-invalid-tool-headers", ""),
    ("json-schema-ref-no-deref", ""),
    ("json-schema-2020-12-preservation", "2025-11-25"),
    ("json-schema-2020-12-preservation", LATEST),
    ("sep-2640-client-no-prefetch", ""),
    ("sep-2640-client-verify-digest", ""),
    ("sep-2640-client-verify-size", ""),
    ("sep-2640-client-verify-frontmatter", ""),
)


@pytest.fixture
def conformance() -> None:
    """Mark what needs the suite; tests/requirements.py says whether it is here."""


async def suite(*arguments: str) -> tuple[int, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MCP_")}
    process = await asyncio.create_subprocess_exec(
        *NODE,
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.usefixtures("conformance")
@pytest.mark.parametrize(("scenario", "version"), SCENARIOS)
async def test_a_scenario_is_passed(tmp_path: Path, scenario: str, version: str) -> None:
    options = ["--spec-version", version] if version else []
    status, output = await suite(
        "client", "--command", COMMAND, "--scenario", scenario, "--output-dir", str(tmp_path), *options
    )
    assert status == 0, output
    (result,) = tmp_path.glob("*/checks.json")  # noqa: ASYNC240 - a small local file
    checks = json.loads(result.read_text())
    assert not [check for check in checks if check["status"] in ("FAILURE", "WARNING")]


@pytest.mark.usefixtures("conformance")
async def test_no_scenario_is_left_out_but_those_of_features_that_are_not_offered() -> None:
    _, output = await suite("list", "--client")
    listed = {line.split()[1] for line in output.splitlines() if line.startswith("  - ")}
    others = {name for name in listed if not name.startswith(("auth/", "elicitation"))}
    assert others == {scenario for scenario, _ in SCENARIOS}
