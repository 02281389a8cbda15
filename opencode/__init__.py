"""OpenCode API: an LLM agent server that speaks opencode's wire."""

__version__ = "0.1.0"
