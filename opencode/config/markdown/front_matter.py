"""Splits a Markdown file into its front matter and its content, as opencode does."""

import json
import re

import msgspec

from opencode.schema.base import JsonObject

from .yaml_values import YamlError, load

MAX_FRONT_MATTER = 64 * 1024
"""Characters of a front matter."""

_DELIMITER = "---"
_COMMENTS = re.compile(r"^\s*#[^\n]+", re.MULTILINE)
_BLOCK = re.compile(r"^---\r?\n([\s\S]*?)\r?\n---")
_ENTRY = re.compile(r"^([a-zA-Z_][a-zA-Z0-9_]*)\s*:\s*(.*)$")


class FrontMatterError(ValueError):
    """The front matter can't be read; the message says why, for a sentence about its file."""


class Document(msgspec.Struct, frozen=True):
    """A file's settings and its text. `as_text`: why the front matter counts as text, "" if it does not."""

    data: JsonObject
    content: str
    as_text: str = ""


def parse(text: str) -> Document:
    """Return the front matter and the content of a Markdown text; raises FrontMatterError.

    What is no YAML is read again with its unquoted values as text, since people write
    `description: Use when: …`. Where that changes nothing, opencode takes the whole file as content.
    """
    text = text.removeprefix("\ufeff")
    try:
        return _split(text)
    except YamlError as error:
        quoted = _quoted(text)
        if quoted == text:
            return Document({}, text, as_text=str(error))
    try:
        return _split(quoted)
    except YamlError as error:
        raise FrontMatterError(f"its front matter is no YAML: {error}") from None


def _split(text: str) -> Document:
    if not text.startswith(_DELIMITER) or text[3:4] == "-":
        return Document({}, text)
    rest = text[3:]
    language = rest[: match.start()] if (match := re.search(r"\r?\n", rest)) else rest[:-1]
    rest = rest[len(language) :]
    end = rest.find("\n" + _DELIMITER)
    matter = rest if end < 0 else rest[:end]
    content = "" if end < 0 else rest[end + 4 :]
    if len(matter) > MAX_FRONT_MATTER:
        raise FrontMatterError(f"its front matter has more than {MAX_FRONT_MATTER // 1024} KB")
    content = content.removeprefix("\r").removeprefix("\n")
    if not _COMMENTS.sub("", matter).strip():
        return Document({}, content)
    data = _data(language.strip().lower(), matter)
    if not isinstance(data, dict):
        raise FrontMatterError("its front matter is no list of settings, as in `description: …`")
    return Document(data, content)


def _data(language: str, matter: str) -> object:
    if language in ("", "yaml", "yml"):
        return load(matter)
    if language == "json":
        try:
            data: object = json.loads(matter)
        except (ValueError, RecursionError):
            raise FrontMatterError("its front matter is no JSON") from None
        return data
    raise FrontMatterError(f"its front matter is {language[:20]!r}; write it as YAML")


def _quoted(text: str) -> str:
    """Return a text with every unquoted value that holds a colon as a block of text."""
    block = _BLOCK.match(text)
    if block is None:
        return text
    lines: list[str] = []
    for line in re.split(r"\r?\n", block[1]):
        entry = None if line.strip().startswith("#") or line[:1].isspace() else _ENTRY.match(line)
        value = entry[2].strip() if entry else ""
        if entry is None or value in ("", ">", "|") or value[0] in "\"'" or ":" not in value:
            lines.append(line)
        else:
            lines += [f"{entry[1]}: |-", f"  {value}"]
    return text[: block.start(1)] + "\n".join(lines) + text[block.end(1) :]
