"""The blocks of a Markdown text as HTML: paragraphs, lists, tables, code.

Text from models and web pages is hostile: raw HTML in it is shown as text, what would cost too much is
left out, and the HTML is sanitized again.
"""

import re
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from . import maths
from .highlight import Highlighter
from .inline import TAGS as INLINE_TAGS
from .inline import Inline, Piece, Segment
from .links import SCHEMES
from .source import Source, unhidden

if TYPE_CHECKING:
    import nh3

DEEPEST = 100
"""Levels of nested lists, their items and quotes; what is below them is shown without them."""

EMPTY_CELLS = 5_000
"""Cells that tables may have in addition to those that are written; above, tables are shown as text."""

_TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "figcaption", "figure"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "kbd", "li", "mark", "ol", "p", "pre", "s", "span"),
    *("strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    *maths.TAGS,
}
_ATTRIBUTES = {
    "a": {"href", "title", "class", "target", "rel", "data-src", "data-host", "data-note"},
    "button": {"type", "class"},
    "code": {"class"},
    "div": {"class", "data-note"},
    "figure": {"class"},
    "input": {"type", "class", "checked", "disabled", "aria-label"},
    "li": {"class"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "span": {"class"},
    "td": {"align", "class"},
    "th": {"align", "class"},
    "ul": {"class"},
    **maths.ATTRIBUTES,
}
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
_SHOWN_LANGUAGES = {"mermaid": "Diagram", "html": "Preview", "svg": "Preview"}
"""Languages that the page can show, and the name of the button that does."""
_TAG = re.compile(r"<[^>]*>")
_WIDE_CELL, _WIDEST_CELL = 20, 60
"""Characters above which a cell gets a width in which a sentence can be read."""
_IN_LINE = frozenset((*INLINE_TAGS, "Link", "Image"))
_CONTAINERS = frozenset(("BlockQuote", "List", "Item", "FootnoteDefinition"))


class _TooManyCells(Exception):
    """Most of a table's cells are not written: short rows are filled up to the length of its head."""


def rendered(source: Source, highlighter: Highlighter) -> list[str]:
    """Return the top-level blocks of a text as safe HTML."""
    return [_Block(source, highlighter).html(block) for block in _split(source)]


def rendered_but_last(source: Source, highlighter: Highlighter) -> tuple[list[str], int]:
    """Return all top-level blocks but the last, and the byte at which the last one's line begins."""
    *finished, last = _split(source) or [[]]
    begin = source.line(last[0].begin) if last else 0
    return [_Block(source, highlighter).html(block) for block in finished], begin


def _split(source: Source) -> list[list[Piece]]:
    """Return the pieces of each top-level block."""
    try:
        return list(_groups(source, with_tables=True))
    except _TooManyCells:
        return list(_groups(source, with_tables=False))


def _groups(source: Source, *, with_tables: bool) -> Iterator[list[Piece]]:
    group, depth, cells = list[Piece](), 0, EMPTY_CELLS + source.bytes.count(b"|")
    for piece in _pieces(source, with_tables=with_tables):
        group.append(piece)
        if piece.kind == "FootnoteReference":
            source.footnote(piece.data)
        elif piece.kind == "Start":
            depth += 1
            cells -= piece.name == "TableCell"
            if cells < 0:
                raise _TooManyCells
        elif piece.kind == "End":
            depth -= 1
        if not depth:
            yield group
            group = []


@cache
def _cleaner() -> "nh3.Cleaner":
    import nh3  # noqa: PLC0415 - loaded with the first text

    return nh3.Cleaner(tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=SCHEMES, link_rel=None)


def _pieces(source: Source, *, with_tables: bool) -> Iterator[Piece]:
    """Yield what the parser finds, in order."""
    from pyromark import Options, events_with_range  # noqa: PLC0415 - loaded with the first text

    options = Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS
    if with_tables:
        options |= Options.ENABLE_TABLES
    if source.has_footnotes:
        options |= Options.ENABLE_FOOTNOTES
    merges = not (source.has_formulas or source.has_marks)
    found: Any
    for found, span in events_with_range(source.parsed, options=options, merge_text=merges):
        begin, end = span["start"], span["end"]
        if isinstance(found, str):
            yield Piece(found, "", None, begin, end)
            continue
        ((kind, value),) = found.items()
        if kind not in ("Start", "End"):
            yield Piece(kind, "", value, begin, end)
        elif isinstance(value, str):
            yield Piece(kind, value, None, begin, end)
        else:
            ((name, data),) = value.items()
            yield Piece(kind, name, data, begin, end)


class _Block:
    """Renders one top-level block."""

    def __init__(self, source: Source, highlighter: Highlighter) -> None:
        self._source = source
        self._highlighter = highlighter
        self._out: list[str] = []
        self._leaf: list[Piece] = []
        self._open: list[str] = []
        """The end tags of the open blocks."""
        self._tasks: list[int] = []
        """Where the open lists and their items begin in the output; -1 if they are too deep."""
        self._quotes = 0
        self._containers = 0
        self._code: list[str] | None = None
        self._language = ""
        self._aligns: tuple[str, ...] = ()
        self._column = 0
        self._cell = 0
        """Where the open cell begins in the output."""
        self._in_head = False

    def html(self, block: list[Piece]) -> str:
        """Return a top-level block as safe HTML."""
        for piece in block:
            self._take(piece)
        return _cleaner().clean("".join(self._out))

    def _take(self, piece: Piece) -> None:
        if piece.name and piece.name not in _IN_LINE:
            if piece.kind == "Start":
                self._out += (segment.html for segment in self._segments())
                self._start(piece)
            else:
                self._end(piece)
        elif piece.kind == "Rule":
            self._out += (segment.html for segment in self._segments())
            self._out.append("<hr>\n")
        elif self._code is not None:
            self._code.append(self._source.shown(piece.data, piece.begin, piece.end))
        else:
            if piece.kind == "TaskListMarker":
                self._mark_task()
            self._leaf.append(piece)

    def _segments(self, *, in_flow: bool = True, in_cell: bool = False) -> list[Segment]:
        """Return the words since the last block began or ended."""
        if not self._leaf:
            return []
        leaf, self._leaf = self._leaf, []
        return Inline(self._source, quotes=self._quotes, in_flow=in_flow, in_cell=in_cell).render(leaf)

    def _start(self, piece: Piece) -> None:
        if piece.name in _CONTAINERS:
            self._start_container(piece)
            return
        end = ""
        match piece.name:
            case "Heading":
                tag = piece.data["level"].lower()
                self._out.append(f"<{tag}>")
                end = f"</{tag}>\n"
            case "CodeBlock":
                info = unhidden(piece.data["Fenced"]).split() if isinstance(piece.data, dict) else []
                self._language = info[0] if info and _LANGUAGE.fullmatch(info[0]) else ""
                self._code = []
            case "Table":
                self._aligns = piece.data
                self._out.append('<div class="table"><table>')
                end = "</tbody></table></div>\n"
            case "TableHead" | "TableRow":
                self._in_head = piece.name == "TableHead"
                self._column = 0
                self._out.append("<thead>\n<tr>\n" if self._in_head else "<tr>\n")
                end = "</tr>\n</thead>\n<tbody>\n" if self._in_head else "</tr>\n"
            case "TableCell":
                end = self._start_cell()
        self._open.append(end)

    def _start_container(self, piece: Piece) -> None:
        self._containers += 1
        is_shown = self._containers <= DEEPEST
        begin, end = "<blockquote>\n", "</blockquote>\n"
        if piece.name == "List":
            number = piece.data
            start = f' start="{number}"' if number not in (None, 1) else ""
            begin, end = ("<ul>\n", "</ul>\n") if number is None else (f"<ol{start}>\n", "</ol>\n")
        elif piece.name == "Item":
            begin, end = "<li>", "</li>\n"
        elif piece.name == "FootnoteDefinition":
            number = self._source.footnote(piece.data)
            begin, end = f'<div class="footnote" data-note="{number}"><sup>{number}</sup>\n', "</div>\n"
        if piece.name == "BlockQuote":
            self._quotes += 1
        else:
            self._tasks.append(len(self._out) if is_shown else -1)
        self._out.append(begin if is_shown else "\n")
        self._open.append(end if is_shown else "\n")

    def _start_cell(self) -> str:
        tag = "th" if self._in_head else "td"
        align = self._aligns[self._column].lower() if self._column < len(self._aligns) else "none"
        self._column += 1
        self._cell = len(self._out)
        self._out.append(f"<{tag}>" if align == "none" else f'<{tag} align="{align}">')
        return f"</{tag}>\n"

    def _end(self, piece: Piece) -> None:
        if piece.name in ("Paragraph", "HtmlBlock"):
            self._out += (
                segment.html if segment.is_formula else f"<p>{segment.html}</p>\n"
                for segment in self._segments()
            )
        elif piece.name == "CodeBlock":
            self._out.append(self._figure("".join(self._code or ())))
            self._code = None
        else:
            in_cell = piece.name == "TableCell"
            in_flow = piece.name in _CONTAINERS
            self._out += (segment.html for segment in self._segments(in_flow=in_flow, in_cell=in_cell))
            if in_cell:
                self._widen_cell()
        if piece.name == "BlockQuote":
            self._quotes -= 1
        elif piece.name in _CONTAINERS:
            self._tasks.pop()
        self._containers -= piece.name in _CONTAINERS
        self._out.append(self._open.pop())

    def _mark_task(self) -> None:
        """Give the list and the item around a check box the classes that hide their bullets."""
        if len(self._tasks) > 1 and self._tasks[-1] >= 0:
            tasks, item = self._tasks[-2:]
            self._out[item] = '<li class="task-list-item">'
            if self._out[tasks] == "<ul>\n":
                self._out[tasks] = '<ul class="contains-task-list">\n'

    def _widen_cell(self) -> None:
        """Give a cell with many words a class for its width, or a narrow page leaves it too little."""
        html = "".join(self._out[self._cell + 1 :])
        length = len(_TAG.sub("", html)) if len(html) > _WIDE_CELL else 0
        if length > _WIDE_CELL:
            width = "widest" if length > _WIDEST_CELL else "wide"
            self._out[self._cell] = self._out[self._cell][:-1] + f' class="{width}">'

    def _figure(self, code: str) -> str:
        language = self._language
        shows = _SHOWN_LANGUAGES.get(language.lower())
        kind, button = "", ""
        if shows:
            kind, button = f" {language.lower()}", f'<button type="button" class="preview">{shows}</button>'
        return (
            f'<figure class="code{kind}"><figcaption><span>{escape(language) or "text"}</span>{button}'
            '<button type="button" class="wrap">Wrap</button>'
            '<button type="button" class="save">Download</button>'
            '<button type="button" class="copy">Copy</button></figcaption>'
            '<pre tabindex="0"><code class="highlight">'
            f"{self._highlighter.html(code, language)}</code></pre></figure>\n"
        )
