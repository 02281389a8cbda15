"""Limits of time: work is stopped at its own or at an outer one, and no timer is left."""

import signal
import time

import pytest

from opencode.offload.time_limit import OutOfTime, time_limit


def spin(seconds: float = 60) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_work_in_time_is_let_alone() -> None:
    with time_limit(5):
        spin(0.01)
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def test_work_out_of_time_is_stopped() -> None:
    began = time.process_time()
    with pytest.raises(OutOfTime), time_limit(0.05):
        spin()
    assert time.process_time() - began < 5
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def test_an_inner_limit_ends_alone() -> None:
    with time_limit(30):
        with pytest.raises(OutOfTime), time_limit(0.02):
            spin()
        assert 20 < signal.getitimer(signal.ITIMER_PROF)[0] < 30


def test_an_outer_limit_stops_the_inner_work_and_what_follows() -> None:
    followed = False
    with pytest.raises(OutOfTime), time_limit(0.05):
        try:
            with time_limit(30):
                spin()
        except OutOfTime:
            spin()
            followed = True
    assert not followed


def test_no_library_takes_it_for_a_fault_of_the_content() -> None:
    with pytest.raises(OutOfTime), time_limit(0.02):
        try:
            spin()
        except Exception:  # noqa: BLE001 - as libraries do
            pytest.fail("it was caught")


def test_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), time_limit(5):
        _ = 1 // 0
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
