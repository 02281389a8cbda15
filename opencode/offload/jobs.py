"""The kinds of work on untrusted content: what each takes and returns, and its limits.

This module imports none of the libraries that do the work: the server knows the kinds, only workers run them.
"""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from opencode.schema.base import JsonObject

Input = TypeVar("Input")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Kind(Generic[Input, Output]):
    """Work on one kind of content. `function`: `module:name` in this package, imported by workers alone.

    `seconds` (of processor time) and `megabytes` (of address space) limit one job, `largest` the bytes of its
    encoded input, and `workers` how many jobs run at once.
    """

    function: str
    takes: Any
    gives: Any
    seconds: float
    megabytes: int
    largest: int
    workers: int


class HtmlJob(msgspec.Struct, frozen=True):
    """An HTML page to read. `url` makes its links absolute; `markdown`: whether Markdown is wanted, too."""

    html: str
    url: str
    markdown: bool


class HtmlPage(msgspec.Struct, frozen=True):
    """A page's title or "", all its readable text, and its Markdown; None if it can't be converted."""

    title: str
    text: str
    markdown: str | None = None


class MarkdownJob(msgspec.Struct, frozen=True):
    """Markdown texts to render. `growing`: whether they are still being written."""

    texts: list[str]
    growing: bool = False


class RenderedMarkdown(msgspec.Struct, frozen=True):
    """A text as HTML: its `finished` top-level blocks, and of a growing text the `open` one.

    `rest`: where in the text the open block begins, in characters. The next job for a growing text begins
    there.
    """

    finished: list[str]
    open: str = ""
    rest: int = 0


class SchemaJob(msgspec.Struct, frozen=True):
    """A client's JSON schema, and the JSON text to check against it. Without one the schema is checked."""

    schema: JsonObject
    answer: str | None = None


class Reply(msgspec.Struct, array_like=True):
    """What a worker writes after a job. `last`: whether it ends now."""

    outcome: Literal["done", "time", "memory", "depth", "failed"]
    result: msgspec.Raw
    last: bool


HTML: Kind[HtmlJob, HtmlPage] = Kind(
    "html:convert", HtmlJob, HtmlPage, seconds=10, megabytes=512, largest=40_000_000, workers=4
)
MARKDOWN: Kind[MarkdownJob, list[RenderedMarkdown | None]] = Kind(
    "markdown_job:render",
    MarkdownJob,
    list[RenderedMarkdown | None],
    seconds=8,
    megabytes=512,
    largest=8_000_000,
    workers=2,
)
JSON_SCHEMA: Kind[SchemaJob, str | None] = Kind(
    "json_schema:mismatch", SchemaJob, str | None, seconds=2, megabytes=256, largest=8_000_000, workers=2
)
