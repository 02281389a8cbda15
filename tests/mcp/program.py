"""An MCP server made with the SDK, as a program: it does what its tools are asked for, hanging and dying too.

`program.py` speaks over its standard input and output, `program.py http|sse PORT` on the loopback.
"""

import base64
import os
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\xdacd\xf8_\x0f\0"
    b"\2\x87\1\x80\xebG\xba\x92\0\0\0\0IEND\xaeB`\x82"
)


def note(file: str, word: str) -> None:
    with Path(file).open("a") as out:
        out.write(f"{word}\n")


def server() -> MCPServer:
    mcp = MCPServer("probe")

    @mcp.tool()
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return str(a + b)

    @mcp.tool(name="odd name!")
    def odd() -> str:
        """Has a name that no model can say."""
        return "said"

    @mcp.tool()
    def picture() -> CallToolResult:
        """Give a text and an image, under a wrong type."""
        image = ImageContent(data=base64.b64encode(PNG).decode(), mime_type="image/jpeg")
        return CallToolResult(content=[TextContent(text="a dot"), image])

    @mcp.tool()
    def document() -> CallToolResult:
        """Give resources."""
        text = TextResourceContents(uri="memo:///one", text="from a resource", mime_type="text/plain")
        blob = BlobResourceContents(uri="memo:///two.bin", blob="AAEC", mime_type="application/x-thing")
        return CallToolResult(content=[EmbeddedResource(resource=text), EmbeddedResource(resource=blob)])

    @mcp.tool()
    def damaged() -> CallToolResult:
        """Call something an image that is none."""
        blob = BlobResourceContents(uri="memo:///bad.png", blob="not base64", mime_type="image/png")
        return CallToolResult(content=[EmbeddedResource(resource=blob)])

    @mcp.tool()
    def fail() -> CallToolResult:
        """Report an error, with everything that should not be told."""
        words = f"it failed, with {os.environ.get('PROBE_SECRET')}"
        return CallToolResult(content=[TextContent(text=words)], is_error=True)

    @mcp.tool()
    def long(characters: int) -> str:
        """Give much."""
        return "x" * characters

    @mcp.tool()
    def pid() -> str:
        """Tell the process's id."""
        return str(os.getpid())

    @mcp.tool()
    def environment() -> str:
        """Tell what variables there are."""
        return " ".join(sorted(os.environ))

    @mcp.tool()
    async def hang(file: str) -> str:
        """Never answer; note in a file when that is cancelled."""
        try:
            note(file, "begun")
            await anyio.sleep_forever()
        finally:
            note(file, "cancelled")

    @mcp.tool()
    def die() -> str:
        """End at once."""
        os._exit(3)

    @mcp.tool()
    async def grow(context: Context) -> str:
        """Have one more tool."""

        @mcp.tool()
        def grown() -> str:
            """Came later."""
            return "here"

        await context.notify_tools_changed()
        return "done"

    @mcp.prompt()
    def review(code: str, tone: str = "kindly") -> str:
        """Have code reviewed."""
        return f"Review {tone}: {code}"

    return mcp


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["http", port]:
            server().run("streamable-http", port=int(port))
        case ["sse", port]:
            server().run("sse", port=int(port))
        case _:
            server().run("stdio")
