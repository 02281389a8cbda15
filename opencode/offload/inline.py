"""The words of one paragraph, heading or cell, as HTML: emphasis, links, formulas."""

import re
from bisect import bisect_left
from html import escape
from typing import Any, NamedTuple

from . import maths
from .links import EXTERNAL, host, is_allowed, linked
from .source import Source, unhidden

DEEPEST = 100
"""Levels of nested emphasis; below them it has no effect."""

TAGS = {"Emphasis": "em", "Strong": "strong", "Strikethrough": "s"}
_LINKS = ("Link", "Image")
_IMAGE = "image"
_SOURCE = "source"
"""Instead of an end tag: a link that is not allowed is shown as it was written."""
_PAIR = re.compile(r"&lt;(kbd|sub|sup|mark)&gt;([^<>\n]{1,200}?)&lt;/\1&gt;")
_LINE_BREAK = re.compile(r"&lt;br ?/?&gt;", re.IGNORECASE)
"""A cell of a table is one line of Markdown: only this breaks it."""
_DELIMITERS = (b"$", b"\\(", b"\\[")


class Piece(NamedTuple):
    """One event of the parser; `name` and `data` are of the tag that begins or ends."""

    kind: str
    name: str
    data: Any
    begin: int
    end: int


class Segment(NamedTuple):
    html: str
    is_formula: bool
    """Whether this is a formula on lines of its own, which can not be part of a paragraph."""


class Inline:
    """Renders the events of one paragraph."""

    def __init__(self, source: Source, *, quotes: int, in_cell: bool = False, in_flow: bool = True) -> None:
        """`quotes` around the paragraph; `in_flow` if formulas may stand beside it."""
        self._source = source
        self._quotes = quotes
        self._in_cell = in_cell
        self._in_flow = in_flow
        self._segments: list[Segment] = []
        self._pieces: list[Piece] = []
        self._at = 0
        self._out: list[str] = []
        self._text: list[str] = []
        self._ends: list[str] = []
        self._links = 0
        self._label: list[str] | None = None
        self._images = 0
        self._target = ""
        self._formulas: list[maths.Formula] = []
        self._next = 0
        self._shown = 0

    def render(self, pieces: list[Piece]) -> list[Segment]:
        if len(pieces) == 1 and pieces[0].kind == "Text" and not self._source.has_formulas:
            text = self._source.shown(pieces[0].data, pieces[0].begin, pieces[0].end)
            return [Segment(self._html(text), False)]  # such as each cell of a long table
        self._pieces = pieces
        self._formulas = self._found(pieces)
        for self._at, piece in enumerate(pieces):
            if piece.kind == "End":
                self._end(piece)
                continue
            if self._next < len(self._formulas):
                self._emit_formulas(piece.begin)
            if piece.kind == "Start":
                self._start(piece)
            elif piece.begin >= self._shown or piece.kind == "Text":
                self._piece(piece)
        self._break()
        return self._segments

    def _found(self, pieces: list[Piece]) -> list[maths.Formula]:
        if not self._source.has_formulas or not pieces:
            return []
        begin, end = pieces[0].begin, max(piece.end for piece in pieces)
        if not any(self._source.bytes.find(mark, begin, end) >= 0 for mark in _DELIMITERS):
            return []
        code, links = list[tuple[int, int]](), list[maths.Link]()
        depth = 0
        for before, piece in zip([pieces[0], *pieces], pieces, strict=False):
            if piece.kind == "Code":
                code.append((piece.begin, piece.end))
            elif piece.name in _LINKS and piece.kind == "Start":
                depth += 1
            elif piece.name in _LINKS and piece.kind == "End":
                depth -= 1
                if depth == 0:
                    links.append(maths.Link(piece.begin, before.end, piece.end))
        return list(maths.find(self._source.bytes, begin, end, code, links))

    def _piece(self, piece: Piece) -> None:
        match piece.kind:
            case "Text" | "Html" | "InlineHtml":
                self._words(piece)
            case "Code":
                code = self._source.shown(piece.data, piece.begin, piece.end)
                self._add(f"<code>{escape(code)}</code>", code)
            case "SoftBreak":
                self._add("\n", " ")
            case "HardBreak":
                self._add("<br>\n", " ")
            case "TaskListMarker":
                self._add(_check_box(piece.data), "")
            case "FootnoteReference":
                number = self._source.footnote(piece.data)
                link = f'<a class="note" href="#note" data-note="{number}">{number}</a>'
                self._add(f"<sup>{number if self._links else link}</sup>", "")

    def _words(self, piece: Piece) -> None:
        """Add text, with formulas in the place of their source."""
        text, begin = self._source.shown(piece.data, piece.begin, piece.end), piece.begin
        coming = self._formulas[self._next].begin if self._next < len(self._formulas) else piece.end
        if coming >= piece.end and begin >= self._shown:
            self._text.append(text)
            return
        is_source = len(text.encode()) == piece.end - piece.begin
        while begin < piece.end:
            if begin < self._shown:
                begin = min(self._shown, piece.end)
                continue
            stop = piece.end
            if self._next < len(self._formulas):
                stop = min(stop, self._formulas[self._next].begin)
            if not is_source:
                self._text.append(text)
                return
            self._text.append(self._source.bytes[begin:stop].decode())
            begin = stop
            self._emit_formulas(begin if begin < piece.end else begin - 1)

    def _emit_formulas(self, until: int) -> None:
        """Show the formulas that begin at or before a byte."""
        while self._next < len(self._formulas) and self._formulas[self._next].begin <= until:
            formula = self._formulas[self._next]
            self._next += 1
            self._shown = formula.end
            tex = self._tex(formula)
            html = maths.mathml(tex, display=formula.display)
            if formula.alone and self._in_flow and not self._ends and self._label is None:
                self._break()
                self._segments.append(Segment(f'<div class="formula">{html}</div>', True))
            else:
                self._add(html, tex)

    def _tex(self, formula: maths.Formula) -> str:
        tex = formula.tex
        if "\n" in tex and self._quotes:
            tex = re.sub(rf"\n[ \t]*+(?:>[ \t]?){{0,{self._quotes}}}+", "\n", tex)
        return (tex.replace("\\|", "|") if self._in_cell else tex).strip()

    def _start(self, piece: Piece) -> None:
        if self._is_cut(piece):
            self._ends.append("")
        elif piece.name in _LINKS and not self._images and not is_allowed(_target(piece)):
            inside = self._pieces[self._at + 1]
            self._text.append(self._between(piece.begin, piece.end if inside.kind == "End" else inside.begin))
            self._ends.append(_SOURCE)
        elif piece.name == "Image":
            self._flush()
            self._images += 1
            if self._images == 1:
                self._label, self._target = list[str](), _target(piece)
            self._ends.append(_IMAGE)
        elif piece.name == "Link":
            self._open_link(piece)
        elif len(self._ends) >= DEEPEST or self._images:
            self._ends.append("")
        else:
            tag = TAGS[piece.name]
            self._add(f"<{tag}>", "")
            self._ends.append(f"</{tag}>")

    def _open_link(self, piece: Piece) -> None:
        if self._images:
            self._ends.append("")
            return
        title = unhidden(piece.data["title"])
        titled = f' title="{escape(title)}"' if title else ""
        self._add(f'<a href="{escape(_target(piece))}"{titled}{EXTERNAL}>', "")
        self._links += 1
        self._ends.append("</a>")

    def _end(self, piece: Piece) -> None:
        end = self._ends.pop()
        if end == _SOURCE:
            self._text.append(self._between(self._pieces[self._at - 1].end, piece.end))
            return
        self._flush()
        if end == _IMAGE:
            self._images -= 1
            if not self._images:
                self._image()
        elif end:
            self._links -= end == "</a>"
            self._out.append(end)

    def _between(self, begin: int, end: int) -> str:
        return self._source.bytes[begin:end].decode()

    def _image(self) -> None:
        """Show an image as a link: loading it unasked would reveal the reader to the image's server."""
        label = "".join(self._label or []).strip()
        self._label = None
        self._out.append(_image_link(self._target, label))

    def _is_cut(self, piece: Piece) -> bool:
        """Return whether one of a tag's delimiters is inside a formula."""
        if not self._formulas:
            return False
        if piece.begin < self._shown:
            return True
        last = bisect_left(self._formulas, piece.end, key=lambda formula: formula.begin) - 1
        return last >= self._next and piece.end <= self._formulas[last].end

    def _add(self, html: str, text: str) -> None:
        """Add HTML, or text in its place to an image's label."""
        self._flush()
        if self._label is None:
            self._out.append(html)
        else:
            self._label.append(text)

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if not text:
            return
        if self._label is not None:
            self._label.append(text)
        else:
            self._out.append(self._html(text))

    def _html(self, text: str) -> str:
        """Return text as HTML, with the few harmless tags that models write for want of Markdown."""
        html = escape(text) if self._links else linked(text)
        if "&lt;" not in html:
            return html
        html = _PAIR.sub(r"<\1>\2</\1>", html)
        return _LINE_BREAK.sub("<br>", html) if self._in_cell else html

    def _break(self) -> None:
        """End a segment."""
        self._flush()
        if html := "".join(self._out).strip("\n"):
            self._segments.append(Segment(html, False))
        self._out.clear()


def _target(link: Piece) -> str:
    url = unhidden(link.data["dest_url"])
    return f"mailto:{url}" if link.data["link_type"] == "Email" else url


def _image_link(source: str, label: str) -> str:
    """Return an image as a link that the page's script can replace by the image."""
    url, place = escape(source), escape(host(source))
    return (
        f'<a class="image" href="{url}" data-src="{url}" data-host="{place}"{EXTERNAL}>'
        f"{escape(label) or 'Image'}</a>"
    )


def _check_box(is_done: bool) -> str:
    name, checked = ("Done", ' checked="checked"') if is_done else ("To do", "")
    attributes = f'class="task-list-item-checkbox"{checked} disabled="disabled" type="checkbox"'
    return f'<input aria-label="{name}" {attributes}> '
