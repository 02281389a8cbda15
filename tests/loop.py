"""Fails a test whose server held its event loop: by CPU time, so that a busy machine is not blamed."""

from collections.abc import Iterator

import pytest

from opencode import observe

MOST_CPU_SECONDS = 0.5
"""CPU time of the loop's thread between two measurements a tenth of a second apart."""


class _Held(observe.Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def ended(self, work: observe.Work) -> None:
        if (
            isinstance(work, observe.LoopLag)
            and work.cpu > MOST_CPU_SECONDS
            and any(map(_is_ours, work.stack))
        ):
            self.lines.append(f"{work.cpu:.2f} s of CPU time: {' < '.join(work.stack)}")


def _is_ours(place: str) -> bool:
    """Return whether a line of a stack is the server's, not one of a test or of its client."""
    return "opencode/" in place and "tests/" not in place


@pytest.fixture(autouse=True)
def free_loop() -> Iterator[None]:
    """Fail the test if the loop that it shares with its server was held."""
    held = _Held()
    with observe.listening(held):
        yield
    assert not held.lines, held.lines
