"""Mutation testing: small faults are put into the code, one at a time; a test must fail for each.

    python -m tests.mutation [--sample 300] [--seed 1] [--only agent/retry tool] [--budget 40]

mutmut 3 has no random sample and leaves decorated functions out, cosmic-ray starts anew for each mutant and
runs all tests: an hour is too short for either.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from tests.requirements import SLOW

from .operators import Mutant, mutants

ROOT = Path(__file__).parents[2]
TARGETS = ("agent/", "session/", "store/", "tasks.py", "tool/egress")
NAMED = ROOT / "docs" / "mutants.md"
"""Mutants that no test can notice, in lines such as "- `file` `function`: `a` → `b`: why"."""

LIBRARIES = (
    *("pytest", "pytest_asyncio", "httpx", "quart", "quart_schema", "hypercorn.asyncio", "hypothesis"),
    *(
        "sqlalchemy",
        "alembic.command",
        "jsonschema",
        "psycopg",
        "openai",
        "anthropic",
        "prometheus_client",
        "pyromark",
    ),
)
"""Imported once, before a process for each mutant begins as a copy."""

LEFT_OUT = (*SLOW, "tests/web", "tests/faults")
NEAREST = 4
"""Tests that are run first, without the cost of collecting all others."""

INTERNAL_ERROR = 3

ALLOWANCE_SECONDS = 60
"""For what a run takes beside its tests, and for a machine that is busy."""


def candidates(only: tuple[str, ...]) -> list[Mutant]:
    """Return all mutants of the files whose paths begin with one of `only`, below opencode/."""
    package = ROOT / "opencode"
    files = [path for path in package.rglob("*.py") if str(path.relative_to(package)).startswith(TARGETS)]
    names = sorted(str(path.relative_to(ROOT)) for path in files if "versions" not in path.parts)
    prefixes = tuple(f"opencode/{prefix}" for prefix in only)
    return [
        mutant
        for name in names
        if name.startswith(prefixes)
        for mutant in mutants(name, (ROOT / name).read_bytes())
    ]


def equivalent() -> set[tuple[str, ...]]:
    """Return the keys of the mutants that docs/mutants.md names."""
    text = NAMED.read_text(encoding="utf-8") if NAMED.exists() else ""
    pattern = r"^- `([^`\n]+)` `([^`\n]+)`: `(.+?)` → `(.+?)`"
    return {(f"opencode/{file}", *rest) for file, *rest in re.findall(pattern, text, re.MULTILINE)}


class Coverage:
    """Which tests run a line, and for how long."""

    def __init__(self, file: Path) -> None:
        recorded = json.loads(file.read_text())
        self.seconds: dict[str, float] = recorded["tests"]
        self._lines: dict[str, dict[str, list[str]]] = recorded["lines"]
        self._breadth = Counter(
            test for lines in self._lines.values() for tests in lines.values() for test in tests
        )

    def tests(self, mutant: Mutant, budget: float) -> list[str]:
        """Return the tests that run a mutant, those that run least else first, until `budget` seconds."""
        lines = self._lines.get(mutant.file, {})
        covering = {
            test
            for line in range(mutant.line, mutant.last_line + 1)
            for test in lines.get(str(line), ())
            if test in self.seconds
        }
        chosen: list[str] = []
        for test in sorted(covering, key=lambda test: ("postgres" in test, self._breadth[test])):
            if chosen and sum(map(self.seconds.__getitem__, chosen)) + self.seconds[test] > budget:
                break
            chosen.append(test)
        return chosen


def copied_tree(place: Path) -> Path:
    """Copy the project, so that programs that tests start have the fault too."""
    ignored = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "data", "bench")
    shutil.copytree(ROOT, place, ignore=ignored)
    return place


def _become_pytest(tree: Path, tests: list[str]) -> NoReturn:
    """Run tests in this process, as one that has just begun in `tree`, and end it."""
    import pytest  # noqa: PLC0415 - the parent imports it before

    os.setsid()
    os.chdir(tree)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.path[:] = [str(tree), *(path for path in sys.path if path not in ("", str(ROOT)))]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "opencode")]:
        del sys.modules[name]
    os._exit(int(pytest.main(["-x", "-p", "no:cacheprovider", "--timeout=60", *tests])))


def run_tests(tree: Path, tests: list[str], seconds: float) -> int | None:
    """Run tests in a process of their own until one fails; return pytest's exit code, None if time is up."""
    pid = os.fork()
    if pid == 0:
        try:
            _become_pytest(tree, tests)
        finally:  # never goes on as another parent
            os._exit(INTERNAL_ERROR)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if not done:
        os.waitpid(pid, 0)
        return None
    return os.waitstatus_to_exitcode(status)


def survives(job: tuple[int, Mutant, list[str], float]) -> tuple[Mutant, str, float]:
    """Return a mutant, its fate (killed, timed out, survived, uncovered) and the seconds that took."""
    number, mutant, tests, seconds = job
    began = time.monotonic()
    if not tests:
        return mutant, "uncovered", 0.0
    file = _tree / mutant.file
    source = file.read_bytes()
    try:
        file.write_bytes(mutant.applied(source))
        os.utime(file, (number, number))  # compiled anew, whatever its size
        for some in filter(None, (tests[:NEAREST], tests[NEAREST:])):
            code = run_tests(_tree, some, ALLOWANCE_SECONDS + 5 * seconds)
            if code != 0:
                break
    finally:
        file.write_bytes(source)
        os.utime(file, (1, 1))
    fate = "survived" if code == 0 else "timed out" if code is None else "killed"
    return mutant, fate, time.monotonic() - began


def begin(places: "multiprocessing.SimpleQueue[Path]") -> None:
    """Set up a process that runs mutants: a tree of its own, and libraries that need not be read again."""
    global _tree
    _tree = places.get()
    for name in LIBRARIES:
        import_module(name)


def measured(tree: Path, file: Path) -> Coverage:
    """Record which tests run which lines; `file` keeps it, also for a next run."""
    if not file.exists():
        plugins = ["-p", "tests.mutation.recorder", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *plugins, *(f"--deselect={name}" for name in LEFT_OUT)]
        environment = {**os.environ, "OPENCODE_COVERED_LINES": str(file)}
        subprocess.run(command, check=False, cwd=tree, env=environment)
    return Coverage(file)


def results(
    jobs: list[tuple[int, Mutant, list[str], float]], trees: list[Path]
) -> Iterator[tuple[Mutant, str, float]]:
    context = multiprocessing.get_context("fork")
    places: multiprocessing.SimpleQueue[Path] = context.SimpleQueue()
    for tree in trees:
        places.put(tree)
    with context.Pool(len(trees), begin, (places,)) as pool:
        yield from pool.imap_unordered(survives, jobs)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--sample", type=int, default=300, help="mutants to try, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[""], help="paths below opencode/: agent, store/search")
    parser.add_argument("--budget", type=float, default=40.0, help="seconds of tests for one mutant")
    parser.add_argument("--least", type=float, default=85.0, help="the percentage that must be killed")
    parser.add_argument("--covered", type=Path, help="keep here which tests run which lines, or read it")
    options = parser.parse_args()
    named = equivalent()
    everything = [mutant for mutant in candidates(tuple(options.only)) if mutant.key not in named]
    sample = random.Random(options.seed).sample(everything, min(options.sample, len(everything)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        trees = [copied_tree(Path(place) / str(number)) for number in range(os.cpu_count() or 1)]
        coverage = measured(trees[0], (options.covered or Path(place) / "covered.json").absolute())
        jobs = []
        for number, mutant in enumerate(sample, start=1_000):
            tests = coverage.tests(mutant, options.budget)
            jobs.append((number, mutant, tests, sum(coverage.seconds[test] for test in tests)))
        tally: dict[str, Counter[str]] = {}
        for count, (mutant, fate, seconds) in enumerate(results(jobs, trees), start=1):
            tally.setdefault(mutant.file.split("/")[1], Counter())[fate] += 1
            print(f"{count}/{len(sample)} {fate} in {seconds:.1f} s  {mutant}", flush=True)
    print(
        f"\n{len(sample)} of {len(everything)} mutants, seed {options.seed}, {time.monotonic() - began:.0f} s"
    )
    for folder, fates in sorted(tally.items()):
        print(
            f"{folder}: {fates['killed']} of {fates.total()} killed ({fates['killed'] / fates.total():.0%})"
        )
    killed = sum(fates["killed"] for fates in tally.values())
    print(f"{100 * killed / len(sample):.1f} % killed")
    return int(100 * killed / len(sample) < options.least)


if __name__ == "__main__":
    sys.exit(main())
