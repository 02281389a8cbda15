"""Agents, commands, directories and health, as the API returns them."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import JsonObject, Wire
from .session import PermissionRule

AgentMode = Literal["subagent", "primary", "all"]


class AgentModel(Wire):
    """The model that an agent uses."""

    provider_id: str
    model_id: str


class Agent(Wire):
    """An agent: its prompt, model, permissions and `steps`, the most model requests in one turn."""

    name: str
    mode: AgentMode
    permission: list[PermissionRule]
    options: JsonObject
    description: str | UnsetType = UNSET
    native: bool | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    color: str | UnsetType = UNSET
    model: AgentModel | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    steps: int | UnsetType = UNSET


class Command(Wire):
    """A named prompt template of the configuration, an MCP server or a skill."""

    name: str
    template: str
    hints: list[str]
    description: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    source: Literal["command", "mcp", "skill"] | UnsetType = UNSET
    subtask: bool | UnsetType = UNSET


class Skill(Wire):
    """Instructions that an agent can look up; `location` is the SKILL.md that they are from."""

    name: str
    location: str
    content: str
    description: str | UnsetType = UNSET


class Path(Wire):
    """Directories of the server."""

    home: str
    state: str
    config: str
    worktree: str
    directory: str


class ProjectTime(Wire):
    """Unix milliseconds."""

    created: int
    updated: int


class Project(Wire):
    """The server's only project."""

    id: str
    worktree: str
    time: ProjectTime
    sandboxes: list[str]


class Health(Wire):
    """Whether the server works; if it does not, `message` says why."""

    healthy: bool
    version: str
    message: str | UnsetType = UNSET
