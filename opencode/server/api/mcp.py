"""MCP servers: status, add, connect and disconnect."""

from quart import Blueprint

from opencode.errors import BadRequest
from opencode.schema.mcp import AddMcpBody, McpLocalConfig, McpStatus

from ..app_state import services
from ..endpoint import endpoint
from ..examples import MCP_STATUSES

blueprint = Blueprint("mcp", __name__, url_prefix="/mcp")


@blueprint.get("")
@endpoint(dict[str, McpStatus], answer=MCP_STATUSES)
async def mcp_statuses() -> dict[str, McpStatus]:
    """Get MCP server status."""
    return await services().mcp.statuses()


@blueprint.post("")
@endpoint(
    dict[str, McpStatus],
    body=AddMcpBody,
    errors=(400,),
    examples={
        "A program": {
            "name": "files",
            "config": {
                "type": "local",
                "command": ["npx", "-y", "@modelcontextprotocol/server-filesystem", "."],
            },
        },
        "An address": {
            "name": "search",
            "config": {
                "type": "remote",
                "url": "https://mcp.example.com/mcp",
                "headers": {"Authorization": "Bearer …"},
            },
        },
    },
    answer=MCP_STATUSES,
)
async def add_mcp(body: AddMcpBody) -> dict[str, McpStatus]:
    """Add an MCP server and connect it. It is kept until this server stops.

    The operator must have allowed the kind, local or remote, with OPENCODE_ALLOW_MCP, and set a password: a
    local MCP server is a program that runs on this machine. One with the same name is replaced. The response
    comes when the MCP server has connected or failed to.
    """
    kind = "local" if isinstance(body.config, McpLocalConfig) else "remote"
    if kind not in services().settings.allow_mcp:
        raise BadRequest(
            f"Adding {kind} MCP servers is switched off: the operator of this server can allow it with "
            f"OPENCODE_ALLOW_MCP={kind}, or add the server to opencode.json."
        )
    return await services().mcp.add(body.name, body.config)


@blueprint.post("/<name>/connect")
@endpoint(bool, errors=(404,), answer=True)
async def connect_mcp(name: str) -> bool:
    """Connect an MCP server. `false` if that failed; its status has the error."""
    return await services().mcp.connect(name)


@blueprint.post("/<name>/disconnect")
@endpoint(bool, errors=(404,), answer=True)
async def disconnect_mcp(name: str) -> bool:
    """Disconnect an MCP server. Its tools are unavailable until it is connected again."""
    await services().mcp.disconnect(name)
    return True
