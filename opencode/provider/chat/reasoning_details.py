"""OpenRouter's `reasoning_details`: reasoning in pieces, signed or encrypted, that go back as they came."""

from typing import Any

_FIELDS = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""The field with the text, of each type that has one."""
_MOST = 1_000
"""Details that are kept of one answer."""
_LONG = 32
"""Characters from which on a text that comes twice is a repetition and not more of it."""


class ReasoningDetails:
    """The details of an answer so far: texts of one index joined, everything else unchanged."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []
        self._texts: list[list[str]] = []
        self._taken = 0

    def add(self, value: Any) -> str:
        """Add a delta's details; returns the text in them."""
        items = value if isinstance(value, list) else [value]
        return "".join([self._merge(item) for item in items if isinstance(item, dict)])

    def take(self) -> list[dict[str, Any]]:
        """Return the details since the last call, for the reasoning that ends now."""
        new = []
        for detail, texts in zip(self._details[self._taken :], self._texts[self._taken :], strict=True):
            field = _FIELDS.get(str(detail.get("type")))
            whole = {**detail, field: "".join(texts)} if field else detail
            if any(whole.get(key) for key in (*_FIELDS.values(), "signature", "data")):
                new.append(whole)
        self._taken = len(self._details)
        return new

    def _merge(self, detail: dict[str, Any]) -> str:
        """Add a detail, or its text and signature to the one that it goes on with; returns its text."""
        field = _FIELDS.get(str(detail.get("type")), "")
        text = detail.get(field)
        text = text if isinstance(text, str) else ""
        for number in range(len(self._details) - 1, self._taken - 1, -1):
            earlier = self._details[number]
            if not field and earlier == detail:
                return ""
            if field and all(earlier.get(key) == detail.get(key) for key in ("type", "index")):
                earlier |= {key: item for key, item in detail.items() if item not in (None, "")}
                if len(text) >= _LONG and text == "".join(self._texts[number]):
                    return ""
                self._texts[number].append(text)
                return text
        if len(self._details) < _MOST:
            self._details.append(dict(detail))
            self._texts.append([text])
        return text
