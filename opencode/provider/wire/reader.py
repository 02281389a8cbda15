"""Reads one answer of a model; each wire has its own reader."""

from abc import ABC, abstractmethod
from typing import Any

from ..base import Finish
from .batch import EventBatch
from .errors import ProviderErrors

LONGEST_NAME = 200
"""Characters that are kept of the model and the id in a provider's answer."""


class Reader(ABC):
    """Reads one answer: payloads in, StreamEvents out through `batch`.

    `whole`: the answer is complete, though more may follow. `done`: its end marker was read.
    """

    def __init__(self, errors: ProviderErrors) -> None:
        self.errors = errors
        self.batch = EventBatch()
        self.whole = False
        self.done = False
        self.answered_by = ""
        self.answer_id = ""

    def name_answer(self, model: Any, answer_id: Any) -> None:
        """Note the model and the id that the provider names in its answer; what is no text is ignored."""
        if isinstance(model, str):
            self.answered_by = model[:LONGEST_NAME]
        if isinstance(answer_id, str):
            self.answer_id = answer_id[:LONGEST_NAME]

    @abstractmethod
    def read(self, payload: bytes) -> None:
        """Read one event's JSON; raises ModelError if it is an error, ValueError if it is not valid."""

    def read_answer(self, payload: bytes) -> None:
        """Read a whole answer's JSON, which some servers send in place of a stream; raises as `read`."""
        raise ValueError("this wire has no whole answers")

    def end_marker(self) -> None:
        """Note `[DONE]`, which some servers send on every wire: nothing follows."""
        self.done = True

    @property
    def complete(self) -> bool:
        """Whether all parts that began have ended: with an end marker, the answer's own end is not missed."""
        return False

    @abstractmethod
    def finish(self) -> Finish:
        """Close open blocks and calls, through `batch`, and return how the complete answer ended."""
