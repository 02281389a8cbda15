"""The set-up in use, replaced as one: what the configuration and its Markdown make of the services."""

import asyncio
import logging

import msgspec
from msgspec import structs

from opencode.agent.agents import Agents
from opencode.agent.dependencies import TurnDependencies
from opencode.agent.fallback import Fallbacks
from opencode.config import Settings
from opencode.provider.registry import Registry
from opencode.schema.base import given
from opencode.schema.event import InstanceDisposed
from opencode.tool.base import AnyTool
from opencode.tool.mcp import McpServers
from opencode.tool.skill import Skills
from opencode.tool.task import RunTask

from .command import Commands
from .instructions import Instructions
from .start_checks import start_warnings

log = logging.getLogger(__name__)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """One set-up and what it makes of the services; never changed.

    `dependencies`: the dependencies of turns that begin with it, which keep them until their end. `warnings`:
    sentences about probable mistakes, for the log and the settings page.
    """

    settings: Settings
    dependencies: TurnDependencies
    commands: Commands
    instructions: Instructions
    warnings: tuple[str, ...] = ()


class ActiveSetup:
    """The set-up that requests and new turns use. Readers see the old one or the new one, whole."""

    def __init__(self, setup: Setup, mcp: McpServers) -> None:
        self._setup = setup
        self._mcp = mcp

    @property
    def settings(self) -> Settings:
        return self._setup.settings

    @property
    def dependencies(self) -> TurnDependencies:
        return self._setup.dependencies

    @property
    def commands(self) -> Commands:
        return self._setup.commands

    @property
    def instructions(self) -> Instructions:
        return self._setup.instructions

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._setup.warnings

    async def close(self) -> None:
        """Close the connections of providers."""
        await self.dependencies.providers.close()

    async def use(self, settings: Settings) -> None:
        """Replace the set-up by that of other settings, and publish it.

        Raises SettingsError if they can't be used; then nothing has changed.
        """
        before = self._setup
        agents, skills = of_settings(settings)
        providers = Registry(settings, before.dependencies.providers)
        instructions = before.instructions.replaced(settings)
        of_instructions = await instructions.warnings()
        tools = before.dependencies.tools.replaced(
            settings.config, of_agents(agents), skills, before.dependencies.skills
        )
        dependencies = structs.replace(
            before.dependencies,
            agents=agents,
            skills=skills,
            providers=providers,
            fallbacks=Fallbacks(providers, agents),
            tools=tools,
            instructions=instructions.texts,
        )
        setup = Setup(
            settings=settings,
            dependencies=dependencies,
            commands=Commands(settings.config.command, agents, self._mcp, skills, dependencies.workspace),
            instructions=instructions,
        )
        # Without a pause from here to the event, so that nobody sees one part without the other.
        gone = self._mcp.replace(settings.config.mcp, settings.left_out_mcp)
        warnings = setup_warnings(setup, of_instructions)
        self._setup = structs.replace(setup, warnings=warnings)
        dependencies.bus.publish(InstanceDisposed(directory=dependencies.directory))
        for warning in warnings:
            if warning not in before.warnings:
                log.warning("%s", warning)
        await providers.supersede(before.dependencies.providers)
        await asyncio.gather(*(server.close() for server in gone))
        self._mcp.begin()


def setup_warnings(setup: Setup, of_instructions: tuple[str, ...]) -> tuple[str, ...]:
    """Return a sentence for each probable mistake in a set-up."""
    dependencies = setup.dependencies
    return (
        *start_warnings(setup.settings, dependencies.tools, dependencies.providers),
        *dependencies.agents.warnings,
        *of_instructions,
    )


def of_settings(settings: Settings) -> tuple[Agents, Skills]:
    """Return the agents and skills of settings."""
    home = settings.places.home if settings.places else None
    return Agents(settings.config, home), Skills(settings.skills)


def of_agents(agents: Agents) -> list[AnyTool]:
    """Return the tools that depend on the agents."""
    accepting = [
        (agent.name, given(agent.description, "No description."))
        for agent in agents.list()
        if agent.mode != "primary" and agent.hidden is not True
    ]
    return [RunTask(accepting)]
