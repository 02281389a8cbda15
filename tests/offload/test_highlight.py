"""The timer that stops a lexer leaves other timers and signals as they were."""

import signal
from types import FrameType

import pytest

from opencode.offload.highlight import within


def spin() -> None:
    while True:
        pass


def test_work_in_time_returns_and_work_out_of_time_does_not() -> None:
    assert within(5, lambda: 7) == 7
    assert within(0.01, spin) is None
    assert within(0, lambda: 7) is None


def test_errors_of_the_work_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_handler_of_the_caller_is_put_back() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    assert within(0.01, spin) is None
    assert signal.getsignal(signal.SIGVTALRM) is before


def test_a_timer_of_the_caller_runs_on() -> None:
    class CallersTime(BaseException):
        pass

    def ring(number: int, frame: FrameType | None) -> None:
        raise CallersTime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 30)
        assert within(0.01, spin) is None
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 30
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(CallersTime):
            within(20, spin)
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
