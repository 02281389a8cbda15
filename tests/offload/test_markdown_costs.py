"""Hostile Markdown costs time that grows with its length, and nothing else."""

import re
import time
from collections.abc import Callable

import pytest

from opencode.offload.markdown import blocks, grow


def repeated(text: str) -> Callable[[int], str]:
    return lambda size: text * (size // len(text))


def ticks(size: int) -> str:
    """Return runs of backticks, each longer than all before it."""
    runs = list[str]()
    while size > 0:
        runs.append("`" * (len(runs) + 1) + "a")
        size -= len(runs[-1])
    return "".join(runs)


def table(size: int) -> str:
    """Return a table with a wide head and many short rows."""
    wide = size // 40
    return f"|{'a|' * wide}\n|{'-|' * wide}\n" + "|a\n" * (size // 4)


def definitions(size: int) -> str:
    lines = (f"[a{number}]: http://a.b\n[a{number}]\n" for number in range(size // 25))
    return "".join(lines)


def footnotes(size: int) -> str:
    return "".join(f"a[^{number}]\n\n[^{number}]: b [^{number}]\n\n" for number in range(size // 30))


HOSTILE = {
    **{
        text: repeated(text)
        for text in (
            *(
                "[",
                "![",
                "[](",
                "[a](b",
                "[a](b) ",
                "[a]: <",
                "[^1]: ",
                "[^1]",
                "x[^1]\n\n[^1]: y\n\n",
                "[^1]: > ",
                "[^1]: - ",
                "](<",
                "![a",
                "*a ",
                "**a*",
                "_a_",
                "*a _b ",
                "~~",
                "~~a ",
            ),
            *(
                "`",
                "`a",
                ">",
                "> ",
                ">a\n",
                "- ",
                "+ ",
                "1. ",
                "- a\n",
                "# a\n",
                "a\n---\n",
                "* * *\n",
                "|",
                "|a|\n",
            ),
            *(
                "|a|b|\n|-|-|\n",
                "```\n",
                "```l\nx\n```\n",
                "    a\n\n",
                "\n",
                " ",
                "\t",
                "\\",
                "\\\n",
                "a  \n",
            ),
            *(
                "<",
                "<a",
                "<a:",
                "<a@",
                '<a b="',
                "<!--",
                "<?",
                "<![CDATA[",
                "</",
                "<a>",
                "&",
                "&amp",
                "&#",
                "&lt;",
            ),
            *(
                "http://a.b/(",
                "http://a.b/)",
                "http://(",
                "http://a.b ",
                "http://a.b",
                "www.",
                "www.a.",
                "a@",
                "@a.b",
            ),
            *(
                "a@b.c",
                "a@b.c ",
                "aaaa@",
                "http://a.",
                "h",
                "$",
                "$a ",
                "$a$ ",
                "$a",
                "$$",
                "$$\n",
                "$$a\n",
                "$$ $ ",
            ),
            *(
                "$$\n- a\n$$\n\n",
                "\\(",
                "\\[",
                "\\[\n",
                "\\(\\[$",
                "\\(a\\)",
                "\\)",
                "{",
                "$\\frac{",
                "é$x$ ",
                "\\$",
            ),
            *(
                "[a\n",
                "[a]:\n",
                "[a]: b\n",
                "[a][",
                "🎉 **שלום** ",
                "👩‍👩‍👧",
                "\u202e",
                "\0",
                "\ud800",
                "\x01\x02<",
            ),
        )
    },
    "ticks": ticks,
    "table": table,
    "definitions": definitions,
    "footnotes": footnotes,
    "closed emphasis": lambda size: "*a _b " * (size // 12) + "c_ d* " * (size // 12),
    "images in images": lambda size: "![" * (size // 6) + "](b)" * (size // 6),
    "blank lines in lists": lambda size: "+ " * 200 + "x\n" + "\n" * size,
    "quote and lines": lambda size: ">" * (size // 2) + "a\n" + "b\n" * (size // 4),
    "deep lists": lambda size: "".join(" " * number + "- x\n" for number in range(int((2 * size) ** 0.5))),
    "long rest": lambda size: "http://a.b/" + ")" * size,
    "one letter": lambda size: "a" * size + "@",
}


def seconds(work: Callable[[str], object], text: str) -> float:
    """Return the processor time that work takes."""
    began = time.process_time()
    work(text)
    return time.process_time() - began


def is_linear(work: Callable[[str], object], text: Callable[[int], str]) -> bool:
    """Return whether four times the length costs about four times as much; a busy machine has three tries."""
    for _ in range(3):
        long = seconds(work, text(20_000))
        if long < 0.03 or long < 10 * seconds(work, text(5_000)):
            return True
    return False


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_of_four_times_the_length_costs_about_four_times_as_much(name: str) -> None:
    assert is_linear(blocks, HOSTILE[name])
    assert is_linear(grow, HOSTILE[name])


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("easytrieve", "\t" * 2_000),
        ("easytrieve", "\t" * 50_000),
        ("java", "a " * 20_000),
        ("csharp", "a." * 25_000),
    ],
)
def test_a_lexer_that_takes_long_is_stopped(language: str, code: str) -> None:
    text = f"```{language}\n{code}\n```\n"
    assert code in blocks(text)[0].replace("\n", "") or "<span" in blocks(text)[0]
    assert seconds(blocks, text) < 0.6


def test_all_code_of_a_text_shares_a_limit() -> None:
    text = f"```easytrieve\n{' ' + chr(9) * 1_500}\n```\n" * 40
    assert seconds(blocks, text) < 1.5
    assert "<span" in "".join(blocks("```python\nif x:\n```")), "the next text has a limit of its own"


def test_depth_is_bounded() -> None:
    for text in (">" * 5_000 + "end", "+ " * 5_000 + "end", "*a _b " * 3_000 + "end" + " c_ d*" * 3_000):
        html = "".join(blocks(text))
        assert "end" in html
        depth = deepest = 0
        for tag in re.finditer(r"<(/?)(?:blockquote|ul|li|em|p)>", html):
            depth += -1 if tag[1] else 1
            deepest = max(deepest, depth)
        assert deepest <= 110
    dashes = "-" * 150
    assert blocks(dashes) == ["<hr>\n"] and blocks(f"a\n{dashes}") == ["<h2>a</h2>\n"]


def test_long_formulas_and_addresses_are_shown_as_text() -> None:
    assert "<math" not in "".join(blocks(f"${'x' * 2_001}$"))
    assert "<math" in "".join(blocks(f"${'x' * 1_999}$"))
    assert "<a" not in "".join(blocks("http://a.b/" + "x" * 2_000))
