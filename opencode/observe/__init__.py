"""What the server does, said once where it is done: pieces of work with a beginning, an end and an outcome.

Whoever counts, traces or logs them listens (`listening`); who does the work knows none of them.
"""

from .watch import Listener, carried, current, happened, listening, origin, watch
from .work import Commit, CutOff, ModelCall, Purpose, Request, Step, ToolCall, Turn, Work, failure_kind, now

__all__ = [
    "Commit",
    "CutOff",
    "Listener",
    "ModelCall",
    "Purpose",
    "Request",
    "Step",
    "ToolCall",
    "Turn",
    "Work",
    "carried",
    "current",
    "failure_kind",
    "happened",
    "listening",
    "now",
    "origin",
    "watch",
]
