"""opencode's tools for the files of one directory: read, glob, grep, list, and edit, write, apply_patch."""

from .source import WorkspaceTools

__all__ = ["WorkspaceTools"]
