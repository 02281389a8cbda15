"""The figures of a run, side by side: a table to read, or JSON to keep."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from bench.scenario import Figure

OURS = "ours"
OPENCODE = "opencode"


@dataclass
class Report:
    """`figures` by scenario and contestant; a scenario that failed has its reason in `failures` instead."""

    quick: bool
    wire: str
    versions: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, list[Figure]]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, object]]:
        """One row per figure. `ratio`: how many times better ours is, whichever direction is the good one."""
        rows: list[dict[str, object]] = []
        for scenario, by_contestant in self.figures.items():
            for position, figure in enumerate(next(iter(by_contestant.values()))):
                values = {name: figures[position].value for name, figures in by_contestant.items()}
                row: dict[str, object] = {"scenario": scenario, "figure": figure.name, "unit": figure.unit}
                rows.append(row | values | {"ratio": _ratio(values, figure.more_is_better)})
        return rows

    def as_json(self) -> str:
        document = {
            "quick": self.quick,
            "wire": self.wire,
            "machine": {"cpus": os.cpu_count(), "system": platform.platform()},
            "versions": self.versions,
            "rows": self.rows(),
            "failures": self.failures,
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()

    def as_table(self) -> str:
        """Return a Markdown table, aligned to be read as text too."""
        names = [name for name in (OURS, OPENCODE) if name in self.versions]
        header = ["scenario", "figure", *(f"{name} {self.versions[name]}" for name in names), "ratio"]
        lines = [header, ["---"] * len(header)]
        for row in self.rows():
            unit = row["unit"]
            values = [_number(row.get(name), str(unit)) for name in names]
            lines.append([str(row["scenario"]), str(row["figure"]), *values, _number(row["ratio"], "×")])
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        table = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        failures = [
            f"{scenario}, {name}: {reason}"
            for scenario, by_contestant in self.failures.items()
            for name, reason in by_contestant.items()
        ]
        return "\n".join([*table, *(["", "Failed:", *failures] if failures else [])])


def _ratio(values: Mapping[str, float | None], more_is_better: bool) -> float | None:
    ours, theirs = values.get(OURS), values.get(OPENCODE)
    if ours is None or theirs is None or ours <= 0 or theirs <= 0:
        return None
    return ours / theirs if more_is_better else theirs / ours


def _number(value: object, unit: str) -> str:
    if not isinstance(value, (int, float)):
        return "–"
    digits = 0 if abs(value) >= 100 or not unit else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    return f"{text}{unit}" if unit in ("/s", "×") else f"{text} {unit}".rstrip()
