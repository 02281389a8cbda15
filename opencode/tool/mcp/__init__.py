"""MCP servers: programs and addresses whose tools join the server's own, and whose prompts its commands.

Nothing here imports the SDK but `link` and what it stands on; `link` is imported when a server is connected.
"""

from .prompt import McpPrompt
from .servers import McpServers

__all__ = ["McpPrompt", "McpServers"]
