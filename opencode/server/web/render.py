"""The page's templates: whole pages, and fragments of them for the stream."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from json import dumps
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from opencode import __version__
from opencode.clock import now_ms
from opencode.offload.links import host
from opencode.resources import STATIC, TEMPLATES
from opencode.schema.base import given
from opencode.schema.error import failure_text
from opencode.schema.message import MessageWithParts
from opencode.schema.part import TextPart
from opencode.schema.provider import Model, Provider
from opencode.schema.transfer import YEAR_9999

from .addresses import shared, web_address
from .attachments import attachment
from .branches import point
from .error_messages import advice
from .file_tool_view import asked_diff
from .names import is_pinned, is_untitled, name
from .tool_view import cut, tool_view

_LAZY = re.compile(r'import\("\./([\w.]+)"\)')
_IMPORT = re.compile(r'^import .*"\./([\w.]+)";$', re.MULTILINE)

_ENCODED = {ord(each): f"%{ord(each):02X}" for each in "%$&<>\"'"}

LONG_CHARACTERS, LONG_LINES = 1_500, 16
"""The length above which a prompt is folded."""

MAX_SOURCES = 100
"""Sources that are shown of one answer."""


@cache
def environment() -> Environment:
    """Return the Jinja environment: not Quart's, because rendering here never awaits."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals.update(
        branch_point=point,
        import_map=import_map,
        scripts=scripts,
        shared=shared,
        static=static,
        version=__version__,
    )
    jinja.filters.update(
        advice=advice,
        attachment=attachment,
        block_list=block_list,
        clock=clock,
        cut=cut,
        day=day,
        encoded=encoded,
        failure=failure_text,
        host=host,
        is_pinned=is_pinned,
        is_untitled=is_untitled,
        is_long=is_long,
        model_named=model_named,
        money=money,
        name=name,
        plain=plain_text,
        price=lambda usd: f"${usd:g}",
        seconds=seconds,
        sources=sources,
        tag=lambda value: value.__struct_config__.tag,
        tokens=tokens,
        tool_view=tool_view,
        asked_diff=asked_diff,
        until=lambda moment: max(0, round((moment - now_ms()) / 1_000)),
        web_address=web_address,
    )
    return jinja


def block(part_id: str, number: int, html: str) -> str:
    """Return a block of a text. No macro: a text may have thousands."""
    return f'<div id="{part_id}-{number:05}" class="block" dir="auto">{html}</div>'


def block_list(part_id: str, blocks: Iterable[str]) -> Markup:
    """Return all blocks of a text."""
    return Markup("".join(block(part_id, number, html) for number, html in enumerate(blocks)))


def page(template: str, **values: Any) -> str:
    """Return a whole page."""
    return environment().get_template(template).render(**values)


def fragment(macro: str, *values: Any, template: str = "parts.html") -> str:
    """Return a fragment of a page: the output of the named macro."""
    return str(getattr(environment().get_template(template).module, macro)(*values)).strip()


@cache
def static(path: str) -> str:
    """Return the URL of a static file. It changes with the content, so the file may be cached for ever."""
    digest = sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


@cache
def scripts(first: str) -> list[str]:
    """Return the URLs of a module and of those that it imports, so that all are asked for at once."""
    names, found = [first], dict[str, None]()
    while names:
        if (name := names.pop(0)) not in found:
            found[name] = None
            names += _IMPORT.findall((STATIC / "js" / name).read_text("utf-8"))
    return [static(f"js/{name}") for name in found]


@cache
def import_map(first: str) -> Markup:
    """Return the import map that gives the names in a module's imports their URLs with the versions.

    Modules that are loaded when they are needed are in it, and import none themselves.
    """
    urls = {url.partition("?")[0]: url for url in scripts(first)}
    for path in list(urls):
        for lazy in _LAZY.findall((STATIC / path.removeprefix("/static/")).read_text("utf-8")):
            urls[f"/static/js/{lazy}"] = static(f"js/{lazy}")
    return Markup(dumps({"imports": urls}, separators=(",", ":")))  # of our own file names alone


def money(usd: float) -> str:
    """Return an amount: `$1.20`, `$0.0042`; below ten cents with two significant digits."""
    if usd == 0:
        return "$0"
    return f"${usd:.2f}" if usd >= 0.1 else f"${usd:.2g}" if usd >= 0.0001 else "< $0.0001"


def tokens(count: int) -> str:
    """Return a count of tokens: `950`, `12.4k`, `1.2M`."""
    if count < 1_000:
        return str(count)
    return f"{count / 1_000:.3g}k" if count < 1_000_000 else f"{count / 1_000_000:.3g}M"


def seconds(milliseconds: float) -> str:
    """Return a duration: `0.8 s`, `42 s`, `3 min`."""
    value = milliseconds / 1_000
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def clock(milliseconds: float) -> str:
    """Return a time in UTC as ISO 8601, for HTML's datetime attribute; imported ones may be any number."""
    moment = min(max(0, milliseconds), YEAR_9999 - 1)
    return datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(milliseconds: float) -> str:
    """Return a day: `3 May 2026`."""
    return f"{datetime.fromtimestamp(min(max(0, milliseconds), YEAR_9999 - 1) / 1_000, UTC):%-d %b %Y}"


def model_named(providers: Iterable[Provider], name: str) -> Model | None:
    """Return the model called `provider/model`, None if there is none."""
    provider_id, _, model_id = name.partition("/")
    return next((each.models.get(model_id) for each in providers if each.id == provider_id), None)


def plain_text(message: MessageWithParts) -> str:
    """Return a message's text, without the parts that the server added."""
    return "\n\n".join(
        part.text for part in message.parts if isinstance(part, TextPart) and part.synthetic is not True
    )


def is_long(message: MessageWithParts) -> bool:
    """Return whether a prompt is so long that the page folds it."""
    text = plain_text(message)
    return len(text) > LONG_CHARACTERS or text.count("\n") > LONG_LINES


def encoded(text: str) -> str:
    """Return text for a script, which decodes it as a URL, with what HTML would spell longer encoded."""
    return text.translate(_ENCODED)


def sources(message: MessageWithParts) -> list[tuple[str, str]]:
    """Return the address and the title of each source that a message's texts name, each once."""
    titles: dict[str, str] = {}
    for part in message.parts:
        if not isinstance(part, TextPart):
            continue
        named = given(part.metadata, {}).get("citations")
        for source in named if isinstance(named, list) else ():
            url, title = (source.get("url"), source.get("title")) if isinstance(source, dict) else ("", "")
            if isinstance(url, str) and web_address(url) and len(titles) < MAX_SOURCES:
                titles.setdefault(url, title if isinstance(title, str) and title.strip() else url)
    return list(titles.items())
