"""Run the scenarios: `python -m bench [SCENARIO ...] [--quick] [--only NAME] [--wire WIRE] [--json]`."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import psutil
import uvloop

from bench.client import TurnFailed
from bench.report import OPENCODE, OURS, Report
from bench.scenario import SCENARIOS, WARM_UP, Load
from bench.server import (
    DRIVERS,
    Contestant,
    NotHealthy,
    Server,
    configuration,
    opencode,
    ours,
    running,
    scripted_llm,
)

SCENARIO_WITHIN = 600.0  # seconds
HOW_TO_GET_IT = "`npm install --no-save --no-package-lock opencode-ai`"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure this server beside the real opencode."
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"some of: {', '.join(SCENARIOS)}")
    parser.add_argument(
        "--quick", action="store_true", help="small loads: under two minutes, rougher figures"
    )
    parser.add_argument("--only", choices=(OURS, OPENCODE), help="measure just one of the two")
    parser.add_argument("--wire", choices=DRIVERS, default="chat", help="what the scripted LLM speaks")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are: {', '.join(SCENARIOS)}")
    return options


def contestants(only: str | None) -> list[Contestant]:
    real = opencode()
    if real is None and only != OURS:
        print(f"opencode is not here: {HOW_TO_GET_IT}, or set OPENCODE_BIN.", file=sys.stderr)
    return [contestant for contestant in (ours(), real) if contestant and only in (None, contestant.name)]


async def measure(report: Report, name: str, load: Load, contestant: Contestant, llm_port: int) -> None:
    """Run one scenario on one fresh server; what it finds, or why it could not, goes into the report."""
    config = configuration(llm_port, report.wire, sorted({WARM_UP, load.model}))

    @asynccontextmanager
    async def launch() -> AsyncIterator[Server]:
        async with running(contestant, config) as server:
            report.versions[contestant.name] = server.version
            yield server

    try:
        async with asyncio.timeout(SCENARIO_WITHIN):
            figures = await SCENARIOS[name].measure(launch, load)
    except* (TurnFailed, aiohttp.ClientError, OSError, NotHealthy, psutil.Error, TimeoutError) as failed:
        reasons = "; ".join(
            sorted({f"{type(error).__name__} {error}".strip() for error in failed.exceptions})
        )
        report.failures.setdefault(name, {})[contestant.name] = reasons
    else:
        report.figures.setdefault(name, {})[contestant.name] = figures


async def run(options: argparse.Namespace) -> Report:
    report = Report(quick=options.quick, wire=options.wire)
    names = options.scenarios or [name for name, scenario in SCENARIOS.items() if scenario.always]
    entrants = contestants(options.only)
    async with scripted_llm() as llm_port:
        for name in names:
            scenario = SCENARIOS[name]
            for contestant in entrants:
                print(f"{name}: {contestant.name} …", file=sys.stderr, flush=True)
                load = scenario.quick if options.quick else scenario.full
                await measure(report, name, load, contestant, llm_port)
    return report


def main() -> int:
    options = arguments()
    report = uvloop.run(run(options))
    print(report.as_json() if options.json else report.as_table())
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
