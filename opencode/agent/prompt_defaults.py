"""What all prompts of a session have in common: instructions, tools that are off, temperature.

The session's metadata keeps it as `{"defaults": {"system", "tools", "temperature"}}`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from opencode.schema.provider import Model
from opencode.schema.session import PermissionRule

from .permission import tool_rules

DEFAULTS = "defaults"

MAX_TEMPERATURE = 2.0


class PromptDefaults(msgspec.Struct, frozen=True, omit_defaults=True):
    """`system`: instructions in addition to the agent's, unless a prompt has its own. `tools`: false switches
    a tool off; nothing can be allowed here. `temperature`: for models that take one."""

    system: str = ""
    tools: dict[str, bool] = {}
    temperature: Annotated[float, Meta(ge=0, le=MAX_TEMPERATURE)] | None = None

    def rules(self) -> list[PermissionRule]:
        """Return the rules that switch tools off."""
        return tool_rules({name: False for name, on in self.tools.items() if not on})


def prompt_defaults(metadata: Mapping[str, Any]) -> PromptDefaults:
    """Return the defaults in a session's metadata, which clients may have filled with anything."""
    try:
        return msgspec.convert(metadata.get(DEFAULTS) or {}, PromptDefaults)
    except msgspec.ValidationError:
        return PromptDefaults()


def takes_temperature(model: Model) -> bool:
    """Return whether a model takes a temperature: it is known to, or nothing is known about it.

    A server that refuses it is asked again without.
    """
    return model.capabilities.temperature or not (model.release_date or model.family)
