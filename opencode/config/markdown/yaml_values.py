"""YAML as opencode's parser, js-yaml 3, reads it: other words for true, other numbers, no doubled keys."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

MAX_DEPTH = 20
MAX_VALUES = 20_000
"""Values in a front matter, each counted as often as aliases repeat it."""

_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(
    r"""(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
        |[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)
        |\.(?:nan|NaN|NAN))\Z""",
    re.VERBOSE,
)
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_TAB_AFTER_KEY = re.compile(r":\t\s*")
_INDENTING_TAB = re.compile(r"(?<=\n)( *)\t+")
_DIGITS = "-+0123456789."


class YamlError(ValueError):
    """The text is no YAML, or too much of it."""


class _Loader(yaml.SafeLoader):
    """Dates stay text: no setting is a date, and a description may be one.

    Merge keys are refused: a short text of them stands for exponentially many values.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as the base has it)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = "tag:yaml.org,2002:str"
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError("a key is written twice")
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave merge keys as they are."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list(_DIGITS))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""])


def load(text: str) -> Any:
    """Return the value of a YAML text as JSON has it; raises YamlError."""
    try:
        return _Bounded().plain(_loaded(text))
    except yaml.YAMLError as error:
        raise YamlError(_reason(error)) from None
    except RecursionError:
        raise YamlError("it is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise (
            error if isinstance(error, YamlError) else YamlError("it holds a value that can't be read")
        ) from None


def _loaded(text: str) -> Any:
    """Return the value; tabs between a key and its value are blanks, and no indentation, as for js-yaml."""
    text = f"{text}\n"  # the last block of text ends with a line break
    try:
        return yaml.load(text, _Loader)  # a SafeLoader: it makes plain values only
    except yaml.YAMLError:
        plain = _TAB_AFTER_KEY.sub(": ", _INDENTING_TAB.sub(r"\1", text))
        if plain == text or text.lstrip("\r\n").startswith("\t"):
            raise
    return yaml.load(plain, _Loader)


class _Bounded:
    """Copies a value into what JSON can hold. Aliases share values: a short text may stand for many."""

    def __init__(self) -> None:
        self._values = 0

    def plain(self, value: Any, depth: int = 0) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or depth > MAX_DEPTH:
            raise YamlError(f"it holds more than {MAX_VALUES} values or {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {str(key): self.plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.plain(item, depth + 1) for item in value]
        if value is None or isinstance(value, str | bool | int | float):
            return value
        return str(value)


def _reason(error: yaml.YAMLError) -> str:
    """Return what is wrong and the line in the front matter, without the text that stands there."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return f"{error.problem}{f' (line {line} of it)' if line else ''}"
    return str(error).partition("\n")[0]
