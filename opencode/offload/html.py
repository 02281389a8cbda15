"""HTML pages to plain text and Markdown."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from lxml import etree  # type: ignore[import-untyped]
from lxml import html as lxml_html

from .jobs import HtmlJob, HtmlPage

_MAX_DEPTH = 200
"""Nested elements; libxml2 builds no tree beyond 256, and markdownify recurses."""
_READABLE_DEPTH = 2_000
"""Beyond it even the parser without a tree is slow: each end tag searches all open elements."""
_CHUNK = 16_384
_KEPT_SPACE = "\0"
"""Stands for a space of preformatted text while white space is collapsed; decoded pages hold no NUL."""
_SILENT = ("script", "style", "noscript", "template", "iframe", "object", "svg", "head")
_INLINE = frozenset(
    {
        *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em"),
        *("font", "i", "img", "ins", "kbd", "label", "mark", "q", "s", "samp", "small"),
        *("span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    }
)


def convert(job: HtmlJob) -> HtmlPage:
    """Return a page's title, text, and, if it is wanted and can be made, its Markdown."""
    page = outline(job.html)
    if not (job.markdown and page.text and page.depth <= _MAX_DEPTH):
        return HtmlPage(page.title, page.text)
    try:
        return HtmlPage(page.title, page.text, markdown(job.html, job.url, page.text))
    except RecursionError:
        return HtmlPage(page.title, page.text)


class Outline(msgspec.Struct, frozen=True):
    """A page's title or "", and all its readable text. `depth`: of nested elements."""

    title: str
    text: str
    depth: int


class TextTarget:
    """A parser target for lxml: collects title and text without building a tree."""

    def __init__(self) -> None:
        self.depth = self.deepest = 0
        self._silent = 0
        self._preformatted = 0
        self._in_title = False
        self._title: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        self._in_title = tag == "title" and not self._title
        self._silent += tag in _SILENT
        self._preformatted += tag == "pre"
        self._break(tag)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self._in_title = False
        self._silent -= tag in _SILENT
        self._preformatted -= tag == "pre"
        self._break(tag)

    def data(self, text: str) -> None:
        if self._in_title:
            self._title.append(text)
        elif not self._silent:
            self._text.append(
                text.replace(" ", _KEPT_SPACE) if self._preformatted else text.replace("\n", " ")
            )

    def close(self) -> Outline:
        lines = (" ".join(line.split()) for line in "".join(self._text).split("\n"))
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        text = text.replace(_KEPT_SPACE, " ")
        return Outline(" ".join("".join(self._title).split()), text, self.deepest)

    def _break(self, tag: str) -> None:
        if tag not in _INLINE:
            self._text.append("\t" if tag in ("td", "th") else "\n")


def outline(html: str) -> Outline:
    """Return the title and the text of a page; text that is nested too deeply is omitted, with a note."""
    target = TextTarget()
    parser: Any = etree.HTMLParser(target=target, huge_tree=True, encoding="utf-8")
    source = html.encode()
    for start in range(0, len(source), _CHUNK):
        parser.feed(source[start : start + _CHUNK])
        if target.deepest > _READABLE_DEPTH:
            read = target.close()
            note = "[The rest of this page is nested too deeply to be read.]"
            return Outline(read.title, f"{read.text}\n\n{note}".strip(), read.depth)
    return parser.close() if source else target.close()


def markdown(html: str, url: str, text: str) -> str:
    """Return a page's article, or the whole page if the article holds less than a quarter of its `text`."""
    from trafilatura import extract  # noqa: PLC0415 - 0.2 s that plain text does without

    article = extract(
        html,
        url=url,
        output_format="markdown",
        include_links=True,
        include_formatting=True,
        favor_recall=True,
    )
    if article and len(article) >= 200 and len(article) * 4 >= len(text):
        return article
    return _whole(html, url)


def _whole(html: str, url: str) -> str:
    from markdownify import markdownify  # noqa: PLC0415

    root = lxml_html.document_fromstring(html.encode(), parser=lxml_html.HTMLParser(encoding="utf-8"))
    root.make_links_absolute(url, handle_failures="ignore")
    etree.strip_elements(root, *_SILENT, with_tail=False)
    source = lxml_html.tostring(root, encoding="unicode")
    converted: str = markdownify(source, heading_style="ATX", bs4_options="lxml")
    return re.sub(r"\n{3,}", "\n\n", converted).strip()
