import re

from opencode import ids


def test_ids_have_the_shape_that_clients_expect() -> None:
    assert re.fullmatch(r"msg_[0-9a-f]{12}[0-9A-Za-z]{14}", ids.ascending("msg"))


def test_ascending_ids_sort_by_creation() -> None:
    made = [ids.ascending("prt") for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_descending_ids_sort_newest_first() -> None:
    made = [ids.descending("ses") for _ in range(1_000)]
    assert made == sorted(made, reverse=True)


def test_ids_sort_after_a_stored_id_when_the_clock_was_set_back(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    stored = ids.ascending("msg")
    real = ids.time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: real() - 3_600_000_000_000)
    monkeypatch.setattr(ids, "_last_stamp", 0)
    assert ids.ascending("msg") < stored
    ids.advance_past(stored)
    assert ids.ascending("msg") > stored
