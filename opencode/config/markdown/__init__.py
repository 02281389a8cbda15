"""Agents, commands, modes and skills that are written in Markdown with YAML front matter."""

from .files import Files
from .reader import MarkdownSetup, read
from .skills import SkillFile

__all__ = ["Files", "MarkdownSetup", "SkillFile", "read"]
