"""Markdown on the page: safe, and what CommonMark says."""

import re

import pytest

from opencode.offload.markdown import blocks


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


@pytest.mark.parametrize("hidden", ["- b", "+ b", "1. b", "> b", "===", "---", "| b", "`b"])
def test_a_formula_of_several_lines_holds_what_would_begin_a_block(hidden: str) -> None:
    for text in (
        f"$$\na\n{hidden}\n$$",
        f"- x\n\n  $$\n  a\n  {hidden}\n  $$",
        f"> $$\n> a\n> {hidden}\n> $$",
    ):
        html = "".join(blocks(text))
        assert html.count('<div class="formula"><math display="block"') == 1
        assert not re.search(
            r"<(ol|h\d|table|hr|code)|<blockquote>.*<blockquote>|<ul>.*<ul>", html, re.DOTALL
        )


def test_formulas_in_code_are_shown_as_written() -> None:
    code = "$$\na\n- b\n> c\n$$\n"
    assert "$$\na\n- b\n&gt; c\n$$\n</code>" in "".join(blocks(f"```\n{code}```"))
    indented = code.replace("\n", "\n    ").rstrip(" ")
    assert "$$\na\n- b\n&gt; c\n$$\n</code>" in "".join(blocks(f"    {indented}"))
    assert blocks("`$x$ \\(y\\)`") == ["<p><code>$x$ \\(y\\)</code></p>\n"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a $x*y$ b*", "<em>a F b</em>"),
        ("$x*y$ *b*", "F <em>b</em>"),
        ("$x[a](b)$", "F"),
        ("$5 [a](http://x/$b) and $", "$5 <a>a</a> and $"),
        ("[$x$](http://x/$)", "<a>F</a>"),
        ("http://x/$a$b", "<a>http://x/$a$b</a>"),
        ("a &amp;$x$&lt;", "a &amp;F&lt;"),
        ("é $x$ **é** \\(y\\)", "é F <strong>é</strong> F"),
        ("![a $x$ b](http://x)", "<a>a x b</a>"),
    ],
)
def test_formulas_stand_beside_other_marks(text: str, html: str) -> None:
    shown = re.sub(r"<math.*?</math>", "F", "".join(blocks(text)))
    assert re.sub(r"<a [^>]*>", "<a>", shown) == f"<p>{html}</p>\n"


def test_formulas_in_tables_keep_their_cells() -> None:
    html = "".join(blocks("|a|b|\n|-|-|\n|$x$|$\\lvert y \\rvert \\| z$|\n|$5|$6|"))
    assert html.count("<math") == 2 and html.count("<td>") == 4


@pytest.mark.parametrize(
    ("text", "address", "rest"),
    [
        ("http://a.b/c", "http://a.b/c", ""),
        ("(see https://a.b/c).", "https://a.b/c", ")."),
        ("http://a.b/(c_(d))e?f=1&g=2!", "http://a.b/(c_(d))e?f=1&amp;g=2", "!"),
        ("http://a.b/c)).", "http://a.b/c", "))."),
        ("http://localhost:8080/x, y", "http://localhost:8080/x", ", y"),
        ("http://127.0.0.1/", "http://127.0.0.1/", ""),
        ("HTTP://A.B", "HTTP://A.B", ""),
        ("<b>http://a.b</b>", "http://a.b", "&lt;/b&gt;"),
        ("http://a.b、", "http://a.b", "、"),
        ('"http://a.b"', "http://a.b", '"'),
    ],
)
def test_bare_addresses_become_links(text: str, address: str, rest: str) -> None:
    html = "".join(blocks(text))
    assert f'<a href="{address}"' in html and f">{address}</a>{rest}</p>" in html


@pytest.mark.parametrize(
    "text",
    ["http://", "http://(", "xhttp://a.b", "www.", "www.x", "a@b", "@a.b", "`http://a.b`", "http:// a"],
)
def test_what_is_no_address_is_left_alone(text: str) -> None:
    assert "<a" not in "".join(blocks(text))


def test_addresses_without_a_scheme_are_completed() -> None:
    html = "".join(blocks("www.a.b and x.y+z@a.b."))
    assert 'href="http://www.a.b"' in html and 'href="mailto:x.y+z@a.b"' in html
    assert "".join(blocks("[http://a.b](http://c.d)")).count("<a") == 1


def test_links_with_other_schemes_are_shown_as_written() -> None:
    text = "[*a*](javascript:b) ![c](data:d) [](vbscript:e)"
    assert blocks(text) == [f"<p>{text.replace('*a*', '<em>a</em>')}</p>\n"]


@pytest.mark.parametrize(
    "text", ["<details>\n**b**\n</details>", "<script>\n**b**", "<!--\n\n**b**", "a <i>**b**"]
)
def test_markdown_beside_html_is_rendered_and_html_is_shown(text: str) -> None:
    html = "".join(blocks(text))
    assert "<strong>b</strong>" in html and html.count("&lt;") == text.count("<")


def test_characters_that_no_page_can_show_are_replaced() -> None:
    assert blocks("a\0b\ud800c\x01d\x02e\x05") == ["<p>a\ufffdb\ufffdc\ufffdd\ufffde\ufffd</p>\n"]


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        ("**重要：**这是", "重要："),
        ("这是**“重要”**的", "“重要”"),
        ("**Test(note)**です", "Test(note)"),
        ("그는**“중요”**라고", "“중요”"),
    ],
)
def test_bold_ends_beside_letters_of_scripts_without_spaces(text: str, bold: str) -> None:
    html = "".join(blocks(text))
    assert f"<strong>{bold}</strong>" in html
    assert re.sub(r"<[^>]+>", "", html).strip() == text.replace("**", "")


def test_stars_in_code_beside_such_letters_stay() -> None:
    html = "".join(blocks("`a.**中` and `` b ).**中 x``\n\n```\na.**中\n```"))
    assert "<code>a.**中</code>" in html and "<code> b ).**中 x</code>" in html.replace("``", "")
    assert html.count("**中") == 3 and "<strong>" not in html


def test_a_formula_follows_a_chinese_letter_and_prices_do_not() -> None:
    html = "".join(blocks(r"面积$S=\pi r^2$，其中$r$是半径。"))
    assert html.count("<math") == 2 and "$" not in html
    assert "<math" not in "".join(blocks("价格$5到$10。 US$5 or A$6 or CA$7$"))


@pytest.mark.parametrize("mark", "，。；：？！、（【《“…")
def test_an_address_ends_before_chinese_punctuation(mark: str) -> None:
    assert 'href="https://example.com/guide"' in "".join(blocks(f"访问 https://example.com/guide{mark}详见"))
    assert 'href="https://zh.example.com/wiki/数学"' in "".join(
        blocks(f"见 https://zh.example.com/wiki/数学{mark}")
    )


def test_the_harmless_tags_that_models_write_are_tags() -> None:
    cell = "".join(blocks("| a |\n|---|\n| x<br>y<BR />z <kbd>Esc</kbd> `<br>` |"))
    assert "x<br>y<br>z <kbd>Esc</kbd>" in cell and "<code>&lt;br&gt;</code>" in cell
    text = "".join(blocks("H<sub>2</sub>O, why does <br> not break, <kbd onclick=x>no</kbd> <sub>open"))
    assert "H<sub>2</sub>O" in text and "&lt;br&gt;" in text and "&lt;kbd onclick" in text
    assert text.count("<sub>") == 1


def test_footnotes_are_numbered_and_linked() -> None:
    text = "A[^b], B[^1] and A again[^b], C[^none].\n\n[^1]: one\n[^b]: *two*\n\n    more"
    body, one, two = blocks(text)
    link = '<sup><a class="note" href="#note" data-note="{0}">{0}</a></sup>'
    assert f"A{link.format(1)}, B{link.format(2)} and A again{link.format(1)}, C[^none]." in body
    assert one.startswith('<div class="footnote" data-note="2"><sup>2</sup>') and "<p>one</p>" in one
    assert two.startswith('<div class="footnote" data-note="1">') and "<em>two</em>" in two and "more" in two


def test_footnotes_hold_no_markup_and_no_links_in_links() -> None:
    html = "".join(
        blocks("[a [^1]](https://x.org) [^<b>]\n\n[^1]: <script>x</script>\n[^<b>]: y\n\n[^1]: [^1]: - [ ] z")
    )
    assert "<script" not in html and "<b>" not in html
    assert "note" not in "".join(blocks("a regular expression [^a-z]: no\n\n`[^1]`"))


def test_cells_with_sentences_get_a_readable_width() -> None:
    table = "| a | b | c |\n|---|:-:|---|\n| x | {} | [y](https://example.com/a-long-address/of-a-page) |"
    assert '<td class="wide"' not in (html := "".join(blocks(table.format("short")))) and "widest" not in html
    assert '<td align="center" class="wide">' in "".join(blocks(table.format("a few words in a cell")))
    assert '<td align="center" class="widest">' in "".join(blocks(table.format("many words " * 9)))


@pytest.mark.parametrize("language", ["mermaid", "html", "SVG"])
def test_what_the_page_can_show_has_a_button_for_it(language: str) -> None:
    html = "".join(blocks(f"```{language}\n<svg>\n```"))
    assert f'<figure class="code {language.lower()}">' in html and 'class="preview"' in html
    assert "preview" not in "".join(blocks("```python\n1\n```"))
