"""Set-ups as people have them, for the comparison with opencode's own server."""

from .lenient import LENIENT
from .markdown import MARKDOWN
from .options import OPTIONS
from .places import PLACES
from .rights import RIGHTS
from .rules import RULES
from .servers_of_tools import SERVERS
from .setup import Setup

SETUPS: dict[str, Setup] = {**PLACES, **MARKDOWN, **LENIENT, **RIGHTS, **RULES, **OPTIONS, **SERVERS}
