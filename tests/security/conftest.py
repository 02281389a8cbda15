"""A loopback LLM, and servers that are connected to it."""

from tests.loop import free_loop
from tests.server.conftest import llm, server

__all__ = ["free_loop", "llm", "server"]
