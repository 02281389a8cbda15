"""What each server does when things go wrong: `python -m bench.faults [GROUP ...] [--only NAME]`.

Prints a Markdown row per fault. Nothing is judged: what is there afterwards is told, for both alike.
"""

import argparse
import asyncio
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import aiohttp
import psutil

from bench.__main__ import contestants
from bench.client import ENDS_WITHIN, Talk, described, is_open, talking, text_of
from bench.faulty import BIG, HEAVY, LONG, STAGES, TEXT, Case, FaultyProvider, config_for
from bench.report import OPENCODE, OURS
from bench.scenario import AT_ONCE, FORGETS_WITHIN, SETTLES, WARM_UP, come_and_go, crowd
from bench.server import Contestant, NotHealthy, home_with, running, started

Findings = AsyncIterator[tuple[str, str]]
"""Each fault with what the server did."""
Group = Callable[[Contestant, FaultyProvider], Findings]
KILLS = 10
WATCHED_HEAVY = 60.0  # seconds
SOAK = 480.0  # seconds
LEAVES = 1_000
TRICKLES = 75.0  # seconds that a slow client is watched after the answer
MOST_MB = 4_000.0
BIG_WITHIN = 60.0  # seconds for an answer of that size


async def kill(contestant: Contestant, llm: FaultyProvider) -> Findings:
    """kill -9 while a tool's input or a text streams, at a random moment of the first six seconds."""
    chance = random.Random(1)
    seen: Counter[str] = Counter()
    session_id, told, lost_ms = "", "", [0.0]
    with home_with(config_for(llm)) as home:
        for number in range(KILLS + 1):
            async with started(contestant, home) as server, talking(server) as talk:
                if number:
                    seen["clean restarts"] += 1
                    answers = await talk.answers(session_id)
                    kept = text_of(answers)
                    seen["tokens told"] += told.count(" ")
                    seen["of them kept"] += min(kept.count(" "), told.count(" "))
                    lost_ms.append(stamp(told) - stamp(kept) if kept else stamp(told) - stamp(told, 0))
                    last = answers[-1]["info"] if answers else {}
                    seen["cut messages ended with an error"] += bool(last.get("error"))
                    seen["left unfinished"] += not last.get("time", {}).get("completed")
                    seen["tool calls left open"] += sum(map(is_open, answers))
                    seen[await goes_on(talk, session_id)] += 1
                if number < KILLS:
                    session_id = await talk.session()
                    await talk.prompt(session_id, LONG)
                    await asyncio.sleep(chance.uniform(0.2, 6))
                    server.tree.kill()
                    told = talk.told.text(session_id)
    seen["invalid histories"] = len(llm.broken)
    figures = ", ".join(f"{count} {what}" for what, count in seen.items())
    yield f"{KILLS} kills -9", f"{figures}; at most {max(lost_ms):.0f} ms of text lost"


def stamp(text: str, index: int = -1) -> float:
    """Return the ms at which the LLM wrote a token of the text; 0 where there is none."""
    words = [word for word in text.split(" ")[:-1] if word.isdigit()]
    return int(words[index]) / 1e6 if words else 0.0


async def provider(contestant: Contestant, llm: FaultyProvider) -> Findings:
    """One turn per fault, a stage at once; then those that are heavy, one after another."""
    async with running(contestant, config_for(llm)) as server, talking(server) as talk:
        await goes_on(talk, await talk.session())
        for cases in STAGES:
            turns = [one_turn(talk, llm, case) for case in cases.values()]
            for fault, line in zip(cases, await asyncio.gather(*turns), strict=True):
                yield fault, line
    for fault in HEAVY:
        async with running(contestant, config_for(llm)) as server, talking(server) as talk:
            yield fault, await heavy_turn(talk, llm, Case(f"{fault}.once", watched=WATCHED_HEAVY))


async def heavy_turn(talk: Talk, llm: FaultyProvider, case: Case) -> str:
    """One turn whose server is killed where it takes more than MOST_MB: it shares its machine."""
    tree, began = talk.server.tree, time.monotonic()
    turn = asyncio.create_task(one_turn(talk, llm, case))
    most = before = tree.resident_mb()
    while not turn.done():
        most = max(most, tree.resident_mb())
        if most > MOST_MB:
            tree.kill()
            turn.cancel()
            await asyncio.wait([turn])
            took = time.monotonic() - began
            return f"memory {before:.0f} → {most:,.0f} MB after {took:.0f} s: killed by us"
        await asyncio.wait([turn], timeout=0.1)
    return f"{await turn}; memory {before:.0f} MB, at most {most:,.0f} MB, {tree.resident_mb():.0f} MB then"


async def one_turn(talk: Talk, llm: FaultyProvider, case: Case) -> str:
    asked = llm.asked[case.model]
    session_id = await talk.session()
    began = time.monotonic()
    await talk.prompt(session_id, case.model, case.provider)
    ended = await talk.ends(session_id, case.watched)
    took = time.monotonic() - began
    answers = await talk.answers(session_id)
    stored = text_of([each for each in answers if not each["info"].get("summary")])
    held, asked = llm.held[case.model], llm.asked[case.model] - asked
    errors = [described(each["info"]["error"]) for each in answers if each["info"].get("error")]
    only_told = "; ".join(talk.told.errors[session_id]) if not errors else ""
    lines = (
        f"asked {asked} times, {talk.told.retries[session_id]} retries told",
        f"ended after {took:.1f} s" if ended else f"still running after {case.watched:.0f} s",
        f"told {said(talk.told.text(session_id))}, stored {said(stored)}",
        *(f"error “{error}”" for error in errors[-1:]),
        f"error told, not stored: “{only_told}”" if only_told else "",
        f"{held} connections held open" if held else "",
        await goes_on(talk, session_id),
    )
    return "; ".join(filter(None, lines))


def said(text: str) -> str:
    """Tell how much of TEXT a text is, and whether it begins anew."""
    beginnings = text.count(TEXT.split(" ")[0])
    if beginnings > 1:
        return f"its beginning {beginnings} times"
    return "all once" if text == TEXT else f"{len(text):,} characters" if text else "nothing"


async def goes_on(talk: Talk, session_id: str) -> str:
    try:
        fine = await talk.goes_on(session_id, WARM_UP)
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"NEXT PROMPT NOT ANSWERED: {error!r}"
    return "next prompt answered" if fine else "NEXT PROMPT ENDED IN AN ERROR"


async def clients(contestant: Contestant, llm: FaultyProvider) -> Findings:
    async with running(contestant, config_for(llm)) as server, talking(server) as talk:
        await goes_on(talk, await talk.session())
        yield "20 leave with half a prompt sent", await leave_early(talk, 0.5, 0)
        yield "20 leave once the prompt is sent", await leave_early(talk, 1, 0)
        yield "20 leave 10 ms after that", await leave_early(talk, 1, 0.01)
        yield "20 leave in the middle of the answer", await leave_early(talk, 1, 1)
        yield f"{LEAVES} abrupt leaves of event streams", await leave_streams(talk)
        yield "a client of one byte a second beside 5 MB", await trickle(talk)
        yield "Last-Event-ID", await come_back(talk)


async def leave_early(talk: Talk, share: float, after: float) -> str:
    """Leave a prompt of a new session that share of its bytes and those seconds in, 20 times at once."""
    sessions = [await talk.session() for _ in range(20)]
    leaves = (talk.prompt_and_leave(session_id, "tok-40-20", share, after) for session_id in sessions)
    await asyncio.gather(*leaves)
    await asyncio.sleep(SETTLES)
    await talk.quiet(ENDS_WITHIN)
    seen: Counter[str] = Counter()
    for session_id in sessions:
        messages = await talk.call("GET", f"/session/{session_id}/message")
        text = text_of(messages[1:])
        errors = {described(each["info"]["error"]) for each in messages if each["info"].get("error")}
        seen["nothing stored" if not messages
             else "answered whole" if text.count(" ") == 40
             else f"cut with {errors}" if errors
             else f"prompt stored, {text.count(' ')} of 40 tokens, no error"] += 1  # fmt: skip
    return ", ".join(f"{count} {what}" for what, count in seen.items())


async def leave_streams(talk: Talk) -> str:
    tree, port = talk.server.tree, talk.server.port
    mb, files, sockets = tree.resident_mb(), tree.files(), tree.open_sockets(port)
    for _ in range(LEAVES // AT_ONCE):
        await asyncio.gather(*(come_and_go(port) for _ in range(AT_ONCE)))
    at_once = tree.open_sockets(port)
    await asyncio.sleep(FORGETS_WITHIN)
    return (
        f"memory {mb:.0f} → {tree.resident_mb():.0f} MB; files {files} → {tree.files()}; "
        f"sockets {sockets} → {at_once} at once → {tree.open_sockets(port)} after {FORGETS_WITHIN:.0f} s"
    )


async def trickle(talk: Talk) -> str:
    """Tell the peak of memory without and with a client that reads a byte a second, and if it is let go."""
    alone = await peak(talk)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", talk.server.port))
        slow.sendall(b"GET /event HTTP/1.1\r\nHost: bench\r\n\r\n")
        reading = asyncio.create_task(read_slowly(slow))
        before = talk.server.tree.resident_mb()
        beside = await peak(talk)
        await asyncio.sleep(TRICKLES)
        let_go = not talk.server.tree.serves(slow.getsockname()[1])
        reading.cancel()
    return (
        f"peak {alone:.0f} MB in the answer before, {before:.0f} then {beside:.0f} MB with the slow client; "
        f"{'let go' if let_go else 'still connected'} after {TRICKLES:.0f} s, "
        f"memory then {talk.server.tree.resident_mb():.0f} MB"
    )


async def read_slowly(slow: socket.socket) -> None:
    slow.setblocking(False)
    with suppress(ConnectionError):
        while await asyncio.get_running_loop().sock_recv(slow, 1):  # noqa: ASYNC110 - it is slow
            await asyncio.sleep(1)


async def peak(talk: Talk) -> float:
    """Return the most memory in MB while a big answer streams."""
    session_id = await talk.session()
    await talk.prompt(session_id, BIG)
    most, deadline = 0.0, time.monotonic() + BIG_WITHIN
    while not await talk.ends(session_id, 0.2) and time.monotonic() < deadline:
        most = max(most, talk.server.tree.resident_mb())
    return most


async def come_back(talk: Talk) -> str:
    """Lose a stream in the middle of an answer, and ask for the rest of it by the id of the last event."""
    session_id = await talk.session()
    await talk.prompt(session_id, "tok-40-20")
    await asyncio.sleep(SETTLES)
    seen = len(talk.told.ids)
    await talk.ends(session_id, ENDS_WITHIN)
    await asyncio.sleep(SETTLES)
    missed = set(talk.told.ids[seen:])
    async with talking(talk.server, talk.told.ids[seen - 1]) as again:
        await asyncio.sleep(SETTLES)
        return f"{len(missed)} events missed, {len(missed & set(again.told.ids))} of them told on coming back"


async def soak(contestant: Contestant, llm: FaultyProvider) -> Findings:
    async with running(contestant, config_for(llm)) as server:
        tree, port = server.tree, server.port
        async with talking(server) as talk:
            await goes_on(talk, await talk.session())
        await asyncio.sleep(SETTLES)
        before = (tree.files(), tree.open_sockets(port))
        seen, memory = await crowd(server, SOAK)
        await asyncio.sleep(FORGETS_WITHIN)
        after = (tree.files(), tree.open_sockets(port))
        memory.append(tree.resident_mb())
    course = " ".join(f"{memory[(len(memory) - 1) * eighth // 8]:.0f}" for eighth in range(9))
    figures = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
    yield (
        f"a crowd for {SOAK:.0f} s",
        f"{figures}; {len(llm.broken)} invalid histories; memory {course} MB; "
        f"files {before[0]} → {after[0]}, sockets {before[1]} → {after[1]}",
    )


GROUPS: dict[str, Group] = {group.__name__: group for group in (kill, provider, clients, soak)}


async def findings(group: str, contestant: Contestant) -> dict[str, str]:
    """Run a group on one server; where it could not go on, what was found until then, and the reason."""
    found: dict[str, str] = {}
    try:
        async with FaultyProvider() as llm:
            async for fault, line in GROUPS[group](contestant, llm):
                found[fault] = line
                print(f"{contestant.name}, {fault}: {line}", file=sys.stderr, flush=True)
    except (aiohttp.ClientError, NotHealthy, psutil.Error, OSError) as error:
        found[f"{group}: ended early"] = repr(error)
    return found


async def run(groups: list[str], only: str | None) -> None:
    entrants = contestants(only)
    print("| fault |", " | ".join(contestant.name for contestant in entrants), "|")
    print("|---|" + "---|" * len(entrants), flush=True)
    for group in groups:
        found = [await findings(group, contestant) for contestant in entrants]
        for fault in dict.fromkeys(fault for each in found for fault in each):
            print(f"| {fault} |", " | ".join(each.get(fault, "–") for each in found), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of: {', '.join(GROUPS)}")
    parser.add_argument("--only", choices=(OURS, OPENCODE), help="just one of the two")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are: {', '.join(GROUPS)}")
    asyncio.run(run(options.groups or list(GROUPS), options.only))


if __name__ == "__main__":
    main()
