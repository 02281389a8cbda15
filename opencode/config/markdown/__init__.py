"""Agents, commands, modes and skills that are written in Markdown with YAML front matter."""

from .reader import MarkdownSetup, read
from .skills import SkillFile

__all__ = ["MarkdownSetup", "SkillFile", "read"]
