"""MCP servers: their tools are added to the server's own, their prompts to its commands.

Only `session` and the modules it uses import the SDK; `session` is imported when a server is connected.
"""

from .prompt import McpPrompt
from .servers import McpServers

__all__ = ["McpPrompt", "McpServers"]
