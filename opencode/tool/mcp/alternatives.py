"""Fields that stand only in alternatives at the top of a schema: no provider takes alternatives there."""

from typing import Any

from opencode.schema.base import JsonObject

from .references import definition

MAX_PARTS = 200
"""Parts of one schema that are merged."""

_ALTERNATIVES = ("allOf", "anyOf", "oneOf", "if", "then", "else")
_ONLY_OF_OTHERS = ("not", "enum", "const", "dependentSchemas", "items", "$ref")
_CLOSED = ("additionalProperties", "unevaluatedProperties")


class _Merged:
    """The fields that an object may have and must have, and sentences on what excludes what."""

    def __init__(self) -> None:
        self.fields: JsonObject = {}
        self.required: list[str] = []
        self.told: list[str] = []

    def add(self, other: "_Merged", required: bool) -> None:
        """Add another's fields; one that is there in another form may have either."""
        for name, field in other.fields.items():
            known = self.fields.get(name)
            if not known or known == field:
                self.fields[name] = field
            elif set(known) == {"anyOf"}:
                if field not in known["anyOf"]:
                    self.fields[name] = {"anyOf": [*known["anyOf"], field]}
            elif field:
                self.fields[name] = {"anyOf": [known, field]}
        self.told += other.told
        if required:
            self.required += other.required


def as_object(schema: JsonObject) -> JsonObject:
    """Return the schema of an object with all its fields in `properties`."""
    merged = _Merger(schema).merged(schema)
    left_out = {*_ALTERNATIVES, *_ONLY_OF_OTHERS, "properties", "required"}
    if "$ref" in schema or any(key in schema for key in _ALTERNATIVES):
        left_out |= {*_CLOSED}
    kept = {key: value for key, value in schema.items() if key not in left_out}
    result: JsonObject = {"properties": merged.fields, **kept, "type": "object"}
    if required := [name for name in dict.fromkeys(merged.required) if name in merged.fields]:
        result["required"] = required
    if merged.told:
        result["description"] = " ".join(filter(None, [kept.get("description", ""), *merged.told]))
    return result


class _Merger:
    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._left = MAX_PARTS

    def merged(self, schema: Any) -> _Merged:
        merged = _Merged()
        self._left -= 1
        if not isinstance(schema, dict) or self._left <= 0:
            return merged
        schema = definition(self._document, schema)
        merged.fields = dict(schema.get("properties", {}))
        merged.required = list(schema.get("required", ()))
        for part in schema.get("allOf", ()):
            merged.add(self.merged(part), required=True)
        for key in ("then", "else"):
            merged.add(self.merged(schema.get(key)), required=False)
        for key in ("anyOf", "oneOf"):
            self._add_options(merged, [self.merged(option) for option in schema.get(key, ())])
        return merged

    def _add_options(self, merged: _Merged, options: list[_Merged]) -> None:
        for option in options:
            merged.add(option, required=False)
        sets = [option.required for option in options]
        if sets:
            merged.required += [name for name in sets[0] if all(name in needed for needed in sets)]
        if len(sets) > 1 and any(sets):
            listed = "; ".join(", ".join(needed) or "none" for needed in sets)
            merged.told.append(f"Give one of these sets of fields: {listed}.")
