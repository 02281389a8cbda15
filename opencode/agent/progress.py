"""How far the answer to a prompt has come: its steps are counted, and one that repeats itself is noticed.

Every request for an answer costs money, so each of these counts ends the turn at some point.
"""

from collections import deque
from collections.abc import Iterable
from hashlib import blake2b

from opencode.schema.base import encode
from opencode.schema.part import Part, TextPart, ToolPart, ToolStateCompleted, ToolStateError

MAX_REPEATS = 5
"""Equal steps in a row, or equal rounds of steps. opencode asks its user at the third equal call; here there
may be nobody to ask, and a model that waits for something gets the same result a few times."""

LONGEST_ROUND = 3
"""Steps of a round: a model may go back and forth between a few calls."""

MAX_CUT_CALLS = 2
"""Steps in a row in which the output limit cuts the input of a call."""

REPEATED = (
    "The model made the same calls with the same results {count} times in a row, so the turn was ended. Say "
    "what it should do otherwise, or try another model."
)

NOTHING_NEW = (
    "The model paused {count} times in a row without anything new, so the turn was ended. Send the prompt "
    "again, or try another model."
)


class Progress:
    """The steps that answer one prompt. `steps`: how many have begun.

    `failed_answers`: structured answers that did not match the schema. `cut_calls`: the last steps in a row
    in which the output limit cut the input of a call.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.failed_answers = 0
        self.cut_calls = 0
        self._digests: deque[bytes] = deque(maxlen=MAX_REPEATS * LONGEST_ROUND)

    def repeats(self, parts: Iterable[Part]) -> bool:
        """Note what a step has done; return whether it and the steps before go round in circles.

        Calls are compared by tool, input and result; a step without calls by its text.
        """
        self._digests.append(_digest(list(parts)))
        digests = list(self._digests)
        return any(
            len(digests) >= MAX_REPEATS * length
            and digests[-MAX_REPEATS * length :] == digests[-length:] * MAX_REPEATS
            for length in range(1, LONGEST_ROUND + 1)
        )


def _digest(parts: list[Part]) -> bytes:
    calls = [(part.tool, part.state.input, _result(part)) for part in parts if isinstance(part, ToolPart)]
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    return blake2b(encode(calls or texts), digest_size=16).digest()


def _result(part: ToolPart) -> str:
    if isinstance(part.state, ToolStateCompleted):
        return part.state.output
    return part.state.error if isinstance(part.state, ToolStateError) else ""
