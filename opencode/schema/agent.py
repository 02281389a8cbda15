"""Agents, commands and the server's place, as clients list them."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import JsonObject, Wire
from .session import PermissionRule

AgentMode = Literal["subagent", "primary", "all"]


class AgentModel(Wire):
    """The model that an agent asks."""

    provider_id: str
    model_id: str


class Agent(Wire):
    """A named way to work: its prompt, model, permissions and how many steps a turn may take."""

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
    """A prompt with a name, from opencode.json or an MCP server."""

    name: str
    template: str
    hints: list[str]
    description: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    source: Literal["command", "mcp", "skill"] | UnsetType = UNSET
    subtask: bool | UnsetType = UNSET


class Skill(Wire):
    """Instructions that an agent can look up. This server has none."""

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
    """What the server works on. There is one."""

    id: str
    worktree: str
    time: ProjectTime
    sandboxes: list[str]


class Health(Wire):
    """`healthy` is true where the server works; `message` says what is wrong where it does not."""

    healthy: bool
    version: str
    message: str | UnsetType = UNSET
