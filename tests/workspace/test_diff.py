"""Differences of texts: what they say makes one text of the other."""

import random
import time

import pytest

from opencode.workspace.diff import MAX_EDITS, line_diff, line_runs, split_lines


def rebuilt(before: str, after: str) -> tuple[str, str]:
    runs = line_runs(split_lines(before), split_lines(after))
    old = "".join(line for run in runs if run.sign != "+" for line in run.lines)
    return old, "".join(line for run in runs if run.sign != "-" for line in run.lines)


@pytest.mark.parametrize("seed", range(20))
def test_the_runs_of_a_difference_hold_both_texts(seed: int) -> None:
    source = random.Random(seed)
    texts = [
        "".join(source.choice("abc") + source.choice(["\n", "\n", "\r\n", ""]) for _ in range(30))
        for _ in range(2)
    ]
    assert rebuilt(*texts) == tuple(texts)
    changes = line_diff("f", *texts)
    lines = changes.patch.split("\n")[4:]
    assert sum(line.startswith("+") for line in lines) == changes.additions
    assert sum(line.startswith("-") for line in lines) == changes.deletions


def test_equal_texts_have_a_patch_without_changes() -> None:
    assert line_diff("f", "a\n", "a\n").patch == f"Index: f\n{'=' * 67}\n--- f\n+++ f\n"


def test_large_differences_take_no_long_time_and_are_whole() -> None:
    before = "head\n" + "".join(f"old {number}\n" for number in range(20_000)) + "tail\n"
    after = "head\n" + "".join(f"new {number}\n" for number in range(20_000)) + "tail\n"
    began = time.process_time()
    diff = line_diff("f", before, after)
    assert time.process_time() - began < 5
    assert (diff.additions, diff.deletions) == (20_000, 20_000)
    assert rebuilt(before, after) == (before, after)


def test_many_changes_are_found_one_by_one() -> None:
    before = "".join(f"{number}\n" for number in range(4 * MAX_EDITS))
    after = before.replace("0\n", "x\n")
    count = before.count("0\n")
    assert line_diff("f", before, after).additions == count


def test_the_indentation_that_all_lines_share_is_left_out() -> None:
    patch = line_diff("f", "    a\n      b\n", "    a\n      c\n").patch
    assert patch.endswith("@@ -1,2 +1,2 @@\n a\n-  b\n+  c\n")
