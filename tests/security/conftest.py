"""A loopback LLM, and servers that are connected to it."""

from tests.server.conftest import llm, server

__all__ = ["llm", "server"]
