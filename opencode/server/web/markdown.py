"""Markdown to safe HTML, block by block: while a text grows, each finished block is rendered once.

Text from models and web pages is hostile: raw HTML in it is shown as text, and the renderer's output is
sanitized again.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from . import maths
from .addresses import host
from .unclosed_markdown import completed

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_HIGHLIGHTED = 60_000
"""Characters above which code is shown without highlighting."""

_TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "figcaption", "figure"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "input", "li", "ol", "p", "pre", "s", "span"),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    *maths.TAGS,
}
_ATTRIBUTES = {
    "a": {"href", "title", "class", "target", "rel", "data-src", "data-host"},
    "button": {"type", "class"},
    "code": {"class"},
    "div": {"class"},
    "figure": {"class"},
    "input": {"type", "class", "checked", "disabled", "aria-label"},
    "li": {"class"},
    "ol": {"start"},
    "span": {"class"},
    "td": {"align"},
    "th": {"align"},
    "ul": {"class"},
    **maths.ATTRIBUTES,
}
_SCHEMES = {"http", "https", "mailto"}
_EXTERNAL = ' rel="noopener noreferrer nofollow" target="_blank"'
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")


def blocks(text: str) -> list[str]:
    """Return a whole text as HTML, one string for each top-level block."""
    parser, env = _parser(), dict[str, Any]()
    tokens = parser.parse(text, env)
    return [_render(parser, group, env) for group in _groups(tokens)]


class LiveMarkdown:
    """A text that is still being written."""

    def __init__(self) -> None:
        self._env: dict[str, Any] = {}
        self._open = ""
        self._finished = 0
        self.shown: dict[int, str] = {}
        """The HTML that `fresh` yielded last, by block number."""

    def add(self, text: str) -> None:
        self._open += text

    @property
    def size(self) -> int:
        """Characters that the next `fresh` has to parse."""
        return len(self._open)

    def fresh(self) -> Iterator[tuple[int, str]]:
        """Yield (number, HTML) of the blocks finished since the last call, and of the open one."""
        for number, html in self._fresh():
            self.shown[number] = html
            yield number, html

    def _fresh(self) -> Iterator[tuple[int, str]]:
        parser = _parser()
        groups = list(_groups(parser.parse(self._open, self._env)))
        if not groups:
            return
        for group in groups[:-1]:
            yield self._finished, _render(parser, group, self._env)
            self._finished += 1
        begin = groups[-1][0].map
        self._open = "\n".join(self._open.split("\n")[begin[0] if begin else 0 :])
        yield self._finished, self._shown(groups[-1])

    def _shown(self, group: "Sequence[Token]") -> str:
        """Return the open block rendered with its unclosed marks closed."""
        text = completed(self._open)
        if text == self._open:
            return _render(_parser(), group, self._env)
        return _render(_parser(), _parser().parse(text, self._env), self._env)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415 - loaded with the first page
    from mdit_py_plugins.tasklists import tasklists_plugin  # noqa: PLC0415

    parser = MarkdownIt("gfm-like", {"html": False, "linkify": True}).use(tasklists_plugin).use(maths.maths)
    rules: dict[str, Any] = parser.renderer.rules  # type: ignore[attr-defined]
    rules["fence"] = _fence
    rules["code_block"] = _fence
    rules["image"] = _image
    rules["link_open"] = _link
    rules["th_open"] = rules["td_open"] = _cell
    rules["html_inline"] = _checkbox
    rules["table_open"] = lambda *_: '<div class="table"><table>'
    rules["table_close"] = lambda *_: "</table></div>"
    return parser


def _groups(tokens: "Sequence[Token]") -> "Iterator[Sequence[Token]]":
    """Yield the tokens of each top-level block."""
    depth = begin = 0
    for at, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[begin : at + 1]
            begin = at + 1


def _render(parser: "MarkdownIt", tokens: "Sequence[Token]", env: dict[str, Any]) -> str:
    import nh3  # noqa: PLC0415 - loaded with the first page

    html = parser.renderer.render(tokens, parser.options, env)
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel=None,
    )


def _checkbox(tokens: "Sequence[Token]", at: int, *_: Any) -> str:
    """Render a task list's check box, the only HTML the parser emits, with a label for screen readers."""
    box = tokens[at].content
    name = "Done" if "checked=" in box else "To do"
    return box.replace("<input", f'<input aria-label="{name}"', 1)


def _fence(tokens: "Sequence[Token]", at: int, *_: Any) -> str:
    token = tokens[at]
    words = token.info.split()
    language = words[0] if words and _LANGUAGE.fullmatch(words[0]) else ""
    return (
        f'<figure class="code"><figcaption><span>{escape(language) or "text"}</span>'
        '<button type="button" class="copy">Copy</button></figcaption>'
        f'<pre><code class="highlight">{_highlighted(token.content, language)}</code></pre></figure>'
    )


def _highlighted(code: str, language: str) -> str:
    if not language or len(code) > MAX_HIGHLIGHTED:
        return escape(code)
    from pygments import highlight  # noqa: PLC0415 - loaded with the first code block
    from pygments.formatters.html import HtmlFormatter  # noqa: PLC0415
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415
    from pygments.util import ClassNotFound  # noqa: PLC0415

    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def _link(tokens: "Sequence[Token]", at: int, *_: Any) -> str:
    """Render an external link: in a new tab, without a referrer."""
    attributes = "".join(f' {name}="{escape(str(value))}"' for name, value in tokens[at].attrs.items())
    return f"<a{attributes}{_EXTERNAL}>"


def _cell(tokens: "Sequence[Token]", at: int, *_: Any) -> str:
    """Render a cell with an align attribute: the page's policy forbids inline styles."""
    token = tokens[at]
    align = str(token.attrs.get("style", "")).removeprefix("text-align:")
    return f'<{token.tag} align="{align}">' if align else f"<{token.tag}>"


def _image(tokens: "Sequence[Token]", at: int, *_: Any) -> str:
    """Render an image as a link: loading it unasked would reveal the reader to the image's server."""
    token = tokens[at]
    source = escape(str(token.attrs.get("src", "")))
    label = escape(token.content) or "Image"
    place = escape(host(source))
    return f'<a class="image" href="{source}" data-src="{source}" data-host="{place}"{_EXTERNAL}>{label}</a>'
