"""Markdown that is still being written ends as the whole text does, and costs no more."""

import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opencode.offload.jobs import RenderedMarkdown
from opencode.offload.markdown import blocks, grow

TEXT = """# Title

A paragraph with **bold**, `code` and https://example.com
over two lines.

- one
- two

  still two
- three

| a | b |
|--|:-:|
| 1 | 2 |

```python
def f(x):

    return x < 1
```

> quoted
> twice

1. first
   1. inner
2. second

[ref][1] and ![image](https://example.com/x.png)

[1]: https://example.com/ref

The sum $a + b$ costs $5, or

$$
\\frac{a}{b}
$$

Last words
"""


MARKS = [
    *("a", "bc", " ", " ", "\n", "\n", "\n\n", "# ", "#", "- ", "-", "* ", "+", "1. ", "2) ", "1", "."),
    *("> ", ">", "    ", "\t", "```", "~~~", "`", "|", "|-|", "--|--", "---", "===", "=", "**", "_", "~~"),
    *("\\", "&amp;", "<", "<div>", "</div>", "<!--", "<script>", "http://x.y", "www.", "@", "(", ")", "[x]"),
    *("![", "[ ] ", "é", "\U0001f642", "\r\n"),
]
"""What Markdown is made of, but for link definitions: they may be in blocks that are forgotten."""

FORMULAS = ["$", "$x$", "$$", "$$\n", "\\(", "\\)", "\\[", "\n\\]\n", "\\frac"]


def grown(pieces: list[str]) -> tuple[list[str], str]:
    """Return the finished blocks' HTML, and the text from the last block on."""
    finished, rest = list[str](), ""
    for piece in pieces:
        rest += piece
        step = grow(rest)
        finished += step.finished
        rest = rest[step.rest :]
    return finished, rest


def cut(text: str, places: list[int]) -> list[str]:
    """Cut a text at places, which are in any order and may be beyond its end."""
    cuts = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(cuts)]


@pytest.mark.parametrize("seed", range(20))
def test_growing_text_ends_as_the_whole_text_does(seed: int) -> None:
    chance = random.Random(seed)
    text = TEXT.replace("[ref][1] and ", "").replace("[1]: https://example.com/ref\n\n", "")
    finished, rest = grown(cut(text, [chance.randrange(len(text)) for _ in range(40)]))
    assert finished + blocks(rest) == blocks(text)
    assert len(finished) > 8


@settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    marks=st.lists(st.sampled_from(MARKS + FORMULAS), max_size=40),
    places=st.lists(st.integers(0, 200), max_size=8),
)
def test_any_growing_text_ends_as_the_whole_text_does(marks: list[str], places: list[int]) -> None:
    text = "".join(marks)
    finished, rest = grown(cut(text, places))
    assert finished + blocks(rest) == blocks(text)


def test_blocks_are_finished_once_and_only_the_last_is_parsed_again() -> None:
    rest, finished = "", list[str]()
    for number in range(100):
        rest += f"Paragraph {number}.\n\n"
        step = grow(rest)
        finished += step.finished
        rest = rest[step.rest :]
        assert len(rest) < 40
    assert [*finished, step.open] == [f"<p>Paragraph {number}.</p>\n" for number in range(100)]


def test_what_an_unfinished_line_may_become_is_left_open() -> None:
    assert grow("one\n\ntwo\n#") == RenderedMarkdown(["<p>one</p>\n"], "<p>two</p>\n", 5)
    assert grow("one\n#") == RenderedMarkdown([], "<p>one</p>\n", 0)
    assert grow("") == RenderedMarkdown([], "", 0)
    assert grow("é\n\n😀") == RenderedMarkdown([], "<p>é</p>\n<p>😀</p>\n", 0)
    assert grow("é\n\n😀\n") == RenderedMarkdown(["<p>é</p>\n"], "<p>😀</p>\n", 3)


@pytest.mark.parametrize(
    "code",
    ["- ```\n", "1. ~~~\n", "> ```\n", "    ```\n", "- a\n\n      ```\n", "```\n- ```\n```\n", "    $$\n"],
)
def test_a_formula_after_code_that_ended_without_a_mark_is_the_same(code: str) -> None:
    text = f"{code}$$\n- b\n$$\n"
    finished, rest = grown(cut(text, list(range(len(text)))))
    assert finished + blocks(rest) == blocks(text)
    assert blocks(text)[-1].count("<math") == 1


def test_an_unfinished_formula_of_several_lines_is_one_block() -> None:
    finished, rest = grown(["$$\na\n", "- b\n", "> c\n", "$$\n"])
    assert finished == [] and blocks(rest) == blocks("$$\na\n- b\n> c\n$$\n")
    assert blocks(rest)[0].count("<math") == 1 and "<li>" not in blocks(rest)[0]


@pytest.mark.parametrize(
    ("half", "shown"),
    [
        ("see [the page](https://exam", "<p>see the page</p>"),
        ("see [the pa", "<p>see the pa</p>"),
        ("so **bold", "<p>so <strong>bold</strong></p>"),
        ("run `make t", "<p>run <code>make t</code></p>"),
        ("words\n-", "<p>words</p>"),
        ("it is \\(x^", "<p>it is</p>"),
        ("$$a$$ and `$$` [1]", None),
        ("```py\nx = [1", None),
        ("- [ ] task", None),
    ],
)
def test_unfinished_markdown_is_shown_as_if_closed(half: str, shown: str | None) -> None:
    assert grow(half).open.strip() == (shown or blocks(half)[0].strip())
