"""JSON with comments and trailing commas, as people write an opencode.json; errors name the line."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject

_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT_OR_VARIABLE = re.compile(rf"{_STRING}|//[^\r\n]*|/\*.*?\*/|\{{env:([^}}\"]+)\}}", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"{_STRING}|,(?=\s*[}}\]])", re.DOTALL)


def decode(text: str, source: str, env: Mapping[str, str]) -> JsonObject:
    """Return the object in a text; an empty text is an empty object, as in opencode.

    `{env:NAME}` outside of strings stands for a number or a boolean and is filled in. `source` names the text
    in errors. Raises SettingsError.
    """
    text = text.removeprefix("\ufeff")
    if not text:
        return {}
    plain = _plain_json(text, env)
    try:
        raw: Any = msgspec.json.decode(plain)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise SettingsError(f"{source} is not valid JSON: {_syntax_error(plain) or error}.") from None
    except RecursionError:
        raise SettingsError(f"{source} is nested too deeply: use fewer levels.") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{source} must be a JSON object.")
    return raw


def _plain_json(text: str, env: Mapping[str, str]) -> str:
    """Return a text without comments and trailing commas; blanks keep the positions of all that stays.

    Comments go first: one between a comma and what follows may hold a brace.
    """

    def without_comments(match: re.Match[str]) -> str:
        if match[0][0] == '"':
            return match[0]
        return env.get(match[1].strip(), "") if match[1] else re.sub(r"[^\n]", " ", match[0])

    plain = _COMMENT_OR_VARIABLE.sub(without_comments, text)
    return _TRAILING_COMMA.sub(lambda match: match[0] if match[0][0] == '"' else " ", plain)


def _syntax_error(plain: str) -> str | None:
    """Return the error in a JSON text with its line and column; msgspec would name a byte."""
    try:
        json.loads(plain)
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return None
