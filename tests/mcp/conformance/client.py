"""The client that the published conformance suite runs: this server's MCP client, with an address.

What is done there depends on the scenario, which the suite gives in the environment.
"""

import asyncio
import json
import os
import sys
from typing import Any

from opencode.schema.mcp import McpRemoteConfig
from opencode.tool.mcp.session import Listing, McpSession, opened

SCENARIO = os.environ["MCP_CONFORMANCE_SCENARIO"]
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))

ARGUMENTS: dict[str, dict[str, Any]] = {"tools_call": {"a": 2, "b": 3}}


async def run(session: McpSession, listing: Listing) -> None:
    async def call(tool: str, arguments: dict[str, Any]) -> None:
        await session.call(tool, arguments, lambda: None)

    if "toolCalls" in CONTEXT:
        for wanted in CONTEXT["toolCalls"]:
            await call(wanted["name"], wanted["arguments"])
    elif SCENARIO == "json-schema-2020-12-preservation":
        await call("json_schema_echo", {"schema": listing.tools[0]["inputSchema"]})
    elif SCENARIO != "json-schema-ref-no-deref":
        for tool in listing.tools:
            if tool["name"] not in listing.refused:
                await call(tool["name"], ARGUMENTS.get(SCENARIO, {"region": "here"}))
    for prompt in await session.prompts():
        await session.prompt(prompt["name"], {})


async def main(url: str) -> None:
    async with opened(McpRemoteConfig(url=url, timeout=20_000)) as (session, listing):
        await run(session, listing)


asyncio.run(main(sys.argv[-1]))
