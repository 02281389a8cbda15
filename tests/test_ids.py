import re
from datetime import UTC, datetime

import pytest

from opencode import ids
from opencode.clock import now_ms

RUNS_OVER = int(datetime(2028, 10, 17, 20, 4, 31, 872_000, tzinfo=UTC).timestamp() * 1000)
"""Unix ms at which opencode's 36 bits of milliseconds are used up."""


def set_clock(monkeypatch: pytest.MonkeyPatch, ms: int) -> None:
    monkeypatch.setattr(ids.time, "time_ns", lambda: ms * 1_000_000)
    monkeypatch.setattr(ids, "_last_stamp", 0)


def test_ids_have_their_prefix_twelve_hex_digits_and_fourteen_characters() -> None:
    assert re.fullmatch(r"msg_[0-9a-f]{12}[0-9A-Za-z]{14}", ids.ascending("msg"))


def test_ascending_ids_are_strictly_monotonic() -> None:
    made = [ids.ascending("prt") for _ in range(10_000)]
    assert made == sorted(set(made))


def test_descending_ids_sort_newest_first() -> None:
    made = [ids.descending("ses") for _ in range(1_000)]
    assert made == sorted(set(made), reverse=True)


def test_an_id_carries_the_time_at_which_it_was_made() -> None:
    assert abs((ids.time_of(ids.ascending("evt")) or 0) - now_ms()) < 1_000
    assert ids.time_of("evt_not-a-time") is None
    assert ids.time_of("msg_") is None


def test_the_digits_are_opencodes_own_until_they_run_over() -> None:
    before = now_ms()
    stamp = int(ids.ascending("msg")[4:16], 16)
    assert before * 4096 % 2**48 <= stamp <= (now_ms() + 1) * 4096 % 2**48


def test_an_id_sorts_after_another_one_and_moves_no_others() -> None:
    ahead = f"msg_{int(ids.ascending('msg')[4:16], 16) + 3_600_000 * 4096:012x}{'z' * 14}"
    first = ids.ascending("msg", after=ahead)
    second = ids.ascending("msg", after=first)
    assert ahead < first < second
    assert ids.ascending("msg") < ahead
    assert ids.ascending("msg", after="msg_anything-else") < ahead


@pytest.mark.parametrize("years", [0, 2, 20, 200])
def test_new_ids_sort_after_old_ones_when_the_milliseconds_run_over(
    monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    now = now_ms()
    moments = [now, RUNS_OVER - 1, RUNS_OVER, RUNS_OVER + 1, RUNS_OVER + (years * 365 + 1) * ids.DAY_MS]
    ascending, descending = [], []
    for moment in moments:
        set_clock(monkeypatch, moment)
        ascending += [ids.ascending("msg") for _ in range(3)]
        descending += [ids.descending("ses") for _ in range(3)]
        assert ids.time_of(ascending[-1]) == moment
    assert ascending == sorted(set(ascending))
    assert descending == sorted(set(descending), reverse=True)
    assert all(re.fullmatch(r"msg_[0-9a-z]{12}[0-9A-Za-z]{14}", each) for each in ascending)
    assert all(re.fullmatch(r"ses_[0-9a-z-]{12}[0-9A-Za-z]{14}", each) for each in descending)


def test_ids_sort_after_one_from_before_the_milliseconds_ran_over(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, RUNS_OVER - 1)
    old = ids.ascending("msg")
    set_clock(monkeypatch, RUNS_OVER + 5)
    assert ids.ascending("msg", after=old) > old
    assert ids.ascending("msg", after=ids.ascending("msg")) > old


def test_a_clock_that_is_not_set_gives_ids_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 1_000)
    first, second = ids.ascending("msg"), ids.ascending("msg")
    assert first < second
    assert re.fullmatch(r"msg_[0-9a-f]{12}[0-9A-Za-z]{14}", first)
