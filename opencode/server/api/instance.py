"""The server itself: health, metrics, configuration, agents, commands and directories."""

from pathlib import Path as FilePath

from msgspec import UNSET
from quart import Blueprint, Response, request

from opencode import __version__
from opencode.clock import now_ms
from opencode.errors import Forbidden
from opencode.schema.agent import Agent, Command, Health, Path, Project, ProjectTime, Skill
from opencode.schema.base import JsonObject, encode

from ..app_state import app_state, metrics, services
from ..endpoint import JSON, endpoint

blueprint = Blueprint("instance", __name__)

WORKTREE = "/"
"""Root of the project, which is no repository; a session's `path` is relative to it."""

_STARTED = now_ms()


@blueprint.get("/global/health")
@endpoint(
    Health, answer={"healthy": True, "version": __version__}, needs_password=False, failures={503: Health}
)
async def health() -> Health | Response:
    """Get the server's health. Needs no password.

    Status 503 while the database can't be written to.
    """
    failure = services().store.failure
    if failure is None:
        return Health(healthy=True, version=__version__)
    unhealthy = Health(healthy=False, version=__version__, message=failure)
    return Response(encode(unhealthy), status=503, content_type=JSON)


@blueprint.get("/metrics")
@endpoint(None)
async def get_metrics() -> Response:
    """Get metrics for Prometheus.

    In Prometheus' text format, or OpenMetrics if `Accept` asks for it. All names begin with `opencode_`,
    `process_` or `python_`.
    """
    text, content_type = metrics().text(request.headers.get("Accept", ""))
    return Response(text, content_type=content_type)


@blueprint.get("/config")
@blueprint.get("/global/config", endpoint="get_global_config")
@endpoint(JsonObject)
async def get_config() -> JsonObject:
    """Get the configuration in the form of opencode.json, without secrets."""
    return _config()


@blueprint.patch("/config")
@blueprint.patch("/global/config", endpoint="update_global_config")
@endpoint(
    JsonObject,
    body=JsonObject,
    errors=(400, 403),
    examples={
        "Default model": {"model": "anthropic/claude-sonnet-4-5"},
        "A model server": {
            "provider": {
                "ollama": {
                    "npm": "@ai-sdk/openai-compatible",
                    "name": "Ollama",
                    "options": {"baseURL": "http://localhost:11434/v1"},
                }
            }
        },
    },
)
async def update_config(body: JsonObject) -> JsonObject:
    """Change the configuration: `model`, `small_model`, `default_agent`, `disabled_providers` and `provider`.

    Objects are merged, `null` removes what was saved. It takes effect at once and is stored in the data
    directory, from where it counts more than opencode.json, which is not changed. Providers can be added, and
    those that were added be changed; `apiKey` is stored as `PUT /auth/{providerID}` does and never returned.
    The server must have a password, or serve its own machine only.
    """
    if not app_state().may_change_settings:
        raise Forbidden(
            "The configuration can be changed only if this server has a password, or serves its own machine "
            "only: set OPENCODE_SERVER_PASSWORD, or HOST=127.0.0.1."
        )
    await services().saved.change(body)
    return _config()


@blueprint.get("/agent")
@endpoint(list[Agent])
async def list_agents() -> list[Agent]:
    """List agents, the default one first."""
    return services().agents.list()


@blueprint.get("/command")
@endpoint(list[Command])
async def list_commands() -> list[Command]:
    """List commands: those of the configuration, prompts of MCP servers, and skills.

    `source` tells which of them a command is: `command`, `mcp` or `skill`.
    """
    return await services().prompts.commands.list()


@blueprint.get("/skill")
@endpoint(list[Skill])
async def list_skills() -> list[Skill]:
    """List skills: those of SKILL.md files in the folders of a set-up, such as `.opencode/skill`."""
    return [
        Skill(
            name=skill.name,
            location=str(skill.location),
            content=skill.content,
            description=UNSET if skill.description is None else skill.description,
        )
        for skill in services().skills.all()
    ]


@blueprint.get("/path")
@endpoint(Path)
async def get_path() -> Path:
    """Get the server's directories."""
    settings = services().settings
    home = FilePath.home()
    config = settings.config_path.parent if settings.config_path else home / ".config" / "opencode"
    return Path(
        home=str(home),
        state=str(settings.data_dir),
        config=str(config.absolute()),
        worktree=WORKTREE,
        directory=str(settings.directory),
    )


@blueprint.get("/project")
@endpoint(list[Project])
async def list_projects() -> list[Project]:
    """List projects. There is one."""
    return [_project()]


@blueprint.get("/project/current")
@endpoint(Project)
async def get_project() -> Project:
    """Get the current project."""
    return _project()


def _project() -> Project:
    return Project(
        id="global", worktree=WORKTREE, time=ProjectTime(created=_STARTED, updated=_STARTED), sandboxes=[]
    )


def _config() -> JsonObject:
    settings, providers = services().settings, services().providers
    config = settings.config
    default = next(("/".join(item) for item in providers.defaults().items()), None)
    return {
        "$schema": "https://opencode.ai/config.json",
        "agent": {},
        "command": {},
        "mode": {},
        "provider": {},
        "share": config.share,
        "username": config.username or settings.username,
        **({"model": default} if default else {}),
        **settings.raw,
    }
