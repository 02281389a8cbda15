"""Markdown on the page: safe, and the same whether it arrives at once or word by word."""

import random
import re
import time

import pytest

from opencode.server.web.markdown import LiveMarkdown, blocks

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


def streamed(text: str, pieces: list[str]) -> list[str]:
    live, shown = LiveMarkdown(), dict[int, str]()
    for piece in pieces:
        live.add(piece)
        shown |= dict(live.fresh())
    return [shown[number] for number in sorted(shown)]


@pytest.mark.parametrize("seed", range(20))
def test_streamed_text_ends_as_the_whole_text_does(seed: int) -> None:
    chance = random.Random(seed)
    text = TEXT.replace("[ref][1] and ", "").replace("[1]: https://example.com/ref\n\n", "")
    cuts = sorted(chance.sample(range(1, len(text)), 40))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert streamed(text, pieces) == blocks(text)


def test_a_finished_block_is_rendered_once() -> None:
    live, seen = LiveMarkdown(), list[int]()
    for number in range(100):
        live.add(f"Paragraph {number}.\n\n")
        seen += [block for block, _ in live.fresh()]
    assert max(seen.count(block) for block in set(seen)) <= 2
    assert live.size < 40


def test_a_long_text_costs_as_much_per_word_at_its_end() -> None:
    live, times = LiveMarkdown(), list[float]()
    for number in range(2_000):
        live.add(f"Some **words** of paragraph {number}.\n\n")
        began = time.perf_counter()
        list(live.fresh())
        times.append(time.perf_counter() - began)
    assert sorted(times[-200:])[100] < 3 * sorted(times[100:300])[100]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](vbscript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](javascript:alert(1))",
        '[x](https://a.example/"onmouseover="alert(1))',
        "<div hx-get='/x' hx-trigger='load'>",
        "```<script>\n</code></pre><script>alert(1)</script>\n```",
        "<style>*{display:none}</style>",
        "<a href='//evil.example'>x</a>",
    ],
)
def test_hostile_text_yields_no_markup(hostile: str) -> None:
    html = "".join(blocks(hostile)).lower()
    for tag in ("<script", "<img", "<div hx", "<style", "<svg", "<iframe"):
        assert tag not in html
    for attribute in (
        ' onerror="',
        ' onmouseover="',
        ' href="javascript',
        ' href="vbscript',
        ' href="data',
        " hx-get",
    ):
        assert attribute not in html.replace("&lt;div hx-get", "")


def test_links_open_a_new_tab_and_images_load_on_click() -> None:
    html = "".join(blocks("[a](https://a.example) ![cat](https://b.example/c.png)"))
    assert 'target="_blank"' in html and 'rel="noopener noreferrer nofollow"' in html
    assert "<img" not in html and 'data-src="https://b.example/c.png"' in html


def test_task_list_boxes_have_a_label() -> None:
    html = "".join(blocks("- [ ] one\n- [x] two"))
    assert html.count("<input") == 2
    assert 'aria-label="To do"' in html and 'aria-label="Done"' in html


def test_code_in_a_known_language_is_highlighted_and_unchanged() -> None:
    html = "".join(blocks("```python\nif x < 1:\n\n    pass\n```"))
    assert '<span class="k">if</span>' in html and "&lt;" in html
    assert "if x &lt; 1:\n\n    pass" in "".join(blocks("```nosuchlanguage\nif x < 1:\n\n    pass\n```"))


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
    assert streamed(half, [half])[0].strip() == (shown or blocks(half)[0].strip())


@pytest.mark.parametrize(
    "tex", [r"$\frac{1}{2}$", r"\(\frac{1}{2}\)", "$$\\frac{1}{2}$$", "\\[\n\\frac{1}{2}\n\\]"]
)
def test_formulas_become_mathml(tex: str) -> None:
    html = "".join(blocks(f"so\n{tex}"))
    assert "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in html and "$" not in html
    aligned = "".join(blocks("$$\\begin{aligned}a &= b\\end{aligned}$$"))
    assert '<mtd class="right">' in aligned and " style=" not in aligned


@pytest.mark.parametrize(
    "text",
    [
        "$5 or $10",
        "US$5 and US$6",
        "$5-$10",
        "`$x$`",
        "Set $HOME and $PATH",
        "\\$x\\$",
        "$\\nosuch{x}$",
        "$" + "x" * 3_000,
    ],
)
def test_other_uses_of_dollars_and_brackets_are_left_alone(text: str) -> None:
    html = "".join(blocks(text))
    assert "<math" not in html
    assert re.sub(r"[`$\\]", "", text) == re.sub(r"<[^>]*>|[$\\\n]", "", html)


@pytest.mark.parametrize("hostile", ["$a ", "\\(", "\\[", "$$\n", "{", "x^{"])
def test_hostile_formulas_cost_little(hostile: str) -> None:
    text = hostile * 20_000
    assert "<mfrac" not in "".join(blocks(text)) and "<mfrac" not in "".join(blocks(f"${text[:1_990]}$"))
