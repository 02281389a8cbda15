"""Closes the open marks of Markdown that is still being written.

Without it, a link shows its brackets and a bold word its asterisks until the last character arrives.
"""

import re

LONGEST = 20_000
"""Characters above which a block's open marks are left as they are."""

_FENCE = re.compile(r"^[ \t>]*+(?:(?:\d{1,9}[.)]|[-*+])[ \t]++)?(?:```|~~~)", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]*)(?:\]\([^()\s]*)?$")
_TASK = re.compile(r"\[[ xX]?$")
_MARKS = re.compile(r"[-=*_~+#> ]*")
"""A line of these alone may still become a heading's underline, a rule, a list or a bold word."""
_FORMULA = re.compile(
    r"`[^`\n]*`|\$\$[\s\S]*?\$\$|\\\([\s\S]*?\\\)|\\\[[\s\S]*?\\\]|(?P<open>\$\$|\\\(|\\\[)"
)
_CODE = re.compile(r"`[^`\n]*`")


def completed(text: str) -> str:
    """Return the last block of a growing text with its open marks closed."""
    if len(text) > LONGEST or len(_FENCE.findall(text)) % 2:
        return text
    if text.lstrip().startswith("|") and text.count("\n") < 2:
        return ""  # a table is shown once the line below its header is complete
    head, _, line = text.rpartition("\n")
    plain = _CODE.sub("", text)
    if plain.count("`") % 2:
        return text.removesuffix("`") if text.endswith("`") else f"{text}`"
    for formula in _FORMULA.finditer(text):
        if formula["open"]:
            return text[: formula.start()]
    if _MARKS.fullmatch(line):
        return head
    if not _TASK.search(line):
        line = _LINK.sub(r"\1", line)
    line = line.rstrip("*_~")
    for mark in ("**", "~~"):
        if _CODE.sub("", f"{head}\n{line}").count(mark) % 2:
            line = line.rstrip() + mark
    return f"{head}\n{line}" if head else line
