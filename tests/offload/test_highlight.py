"""Code is highlighted while there is time for it, and plain after that."""

import time

from opencode.offload.highlight import BLOCK_SECONDS, TEXT_SECONDS, Highlighter

CUBIC = "x" + "\t" * 2_000 + "x"
"""A lexer of `easytrieve` takes cubic time for it."""


def test_code_is_coloured_and_code_that_takes_too_long_is_plain() -> None:
    highlighter = Highlighter()
    assert '<span class="k">if</span>' in highlighter.html("if x:\n    pass\n", "python")
    began = time.process_time()
    assert highlighter.html(CUBIC, "easytrieve") == CUBIC
    assert BLOCK_SECONDS / 2 < time.process_time() - began < 3 * BLOCK_SECONDS


def test_all_code_of_a_text_shares_its_time() -> None:
    highlighter = Highlighter()
    began = time.process_time()
    for _ in range(20):
        assert highlighter.html(CUBIC, "easytrieve") == CUBIC
    assert time.process_time() - began < 3 * TEXT_SECONDS
    assert highlighter.html("if", "python") == "if"
    assert "<span" in Highlighter().html("if", "python")


def test_unknown_languages_are_plain() -> None:
    assert Highlighter().html("<if>", "nosuch") == "&lt;if&gt;"
