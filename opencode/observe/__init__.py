"""Instrumentation: the server reports pieces of work, and metrics, traces and logs listen to them.

Code that does the work calls `watch` or `happened` and knows none of the listeners.
"""

from .watch import Listener, carried, current, happened, listening, origin, watch
from .work import (
    Commit,
    CutOff,
    LoopLag,
    ModelCall,
    Purpose,
    Refusal,
    RefusalReason,
    Request,
    Step,
    ToolCall,
    Turn,
    Work,
    failure_kind,
    now,
)

__all__ = [
    "Commit",
    "CutOff",
    "Listener",
    "LoopLag",
    "ModelCall",
    "Purpose",
    "Refusal",
    "RefusalReason",
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
