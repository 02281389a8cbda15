"""A terminal for programs that draw on one: tmux in control mode, which tells when the screen changes."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

COLUMNS, ROWS = 120, 40
WAIT_SECONDS = 30.0

Wanted = str | re.Pattern[str] | Callable[[str], bool]


class Terminal:
    """A program on a screen of its own. Keys go in by tmux's names for them; the screen comes out as text."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: deque[asyncio.Future[list[str]]] = deque()
        self._drawn = asyncio.Event()
        self._ended = asyncio.Event()

    async def press(self, *keys: str) -> None:
        """Press keys, such as `Enter`, `Escape`, `C-p`."""
        await self._command("send-keys", *keys)

    async def type(self, text: str) -> None:
        await self._command("send-keys", "-l", text)

    async def paste(self, text: str) -> None:
        """Put text in at once, as a terminal does on paste."""
        await self._command("set-buffer", text)
        await self._command("paste-buffer", "-p")

    async def screen(self) -> str:
        return "\n".join(line.rstrip() for line in await self._command("capture-pane", "-p")).rstrip()

    async def shows(self, *wanted: Wanted, seconds: float = WAIT_SECONDS) -> str:
        """Wait until the screen shows everything that is wanted, and return it."""
        return await self._until(lambda screen: all(_found(each, screen) for each in wanted), wanted, seconds)

    async def hides(self, *unwanted: Wanted, seconds: float = WAIT_SECONDS) -> str:
        """Wait until the screen shows none of it, and return it."""
        return await self._until(
            lambda screen: not any(_found(each, screen) for each in unwanted), unwanted, seconds
        )

    async def _until(self, condition: Callable[[str], bool], wanted: Sequence[Wanted], seconds: float) -> str:
        screen = ""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._drawn.clear()
                    screen = await self.screen()
                    if condition(screen):
                        return screen
                    await self._drawn.wait()
        except TimeoutError:
            raise AssertionError(f"waited for {wanted} in vain; the screen:\n{screen}") from None

    async def _command(self, *words: str) -> list[str]:
        assert self._process.stdin is not None
        assert not self._ended.is_set(), "the program has ended"
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._process.stdin.write((" ".join(map(_quoted, words)) + "\n").encode())
        return await answer

    async def listen(self) -> None:
        """Read what tmux tells until it ends: blocks that answer commands in order, and notes of output."""
        assert self._process.stdout is not None
        block: list[str] | None = None
        own = False
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            if line.startswith("%begin "):
                block, own = [], line.endswith(" 1")
            elif line.startswith(("%end ", "%error ")) and block is not None:
                if own and (answer := self._answers.popleft()) and not answer.cancelled():
                    answer.set_result(block)
                block = None
            elif block is not None:
                block.append(line)
            elif line.startswith("%output "):
                self._drawn.set()
            elif line.startswith("%exit"):
                break
        self._ended.set()
        for answer in self._answers:
            answer.set_exception(AssertionError("the program has ended"))


@asynccontextmanager
async def terminal(
    command: Sequence[str], env: Mapping[str, str], directory: Path, columns: int = COLUMNS, rows: int = ROWS
) -> AsyncIterator[Terminal]:
    """Run a program in a terminal until the block ends; tmux listens in its directory."""
    socket = directory / "tmux"
    process = await asyncio.create_subprocess_exec(
        *("tmux", "-S", str(socket), "-f", "/dev/null", "-u", "-C"),
        *("new-session", "-x", str(columns), "-y", str(rows), *command),
        cwd=directory,
        env={**env, "TERM": "xterm-256color"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    running = Terminal(process)
    listening = asyncio.create_task(running.listen())
    try:
        await running._command("refresh-client", "-C", f"{columns}x{rows}")
        yield running
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        if process.returncode is None:
            killer = await asyncio.create_subprocess_exec(
                *("tmux", "-S", str(socket), "kill-server"), stderr=asyncio.subprocess.DEVNULL
            )
            await killer.wait()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def _found(wanted: Wanted, screen: str) -> bool:
    if isinstance(wanted, str):
        return wanted in screen
    if isinstance(wanted, re.Pattern):
        return wanted.search(screen) is not None
    return wanted(screen)


def _quoted(word: str) -> str:
    """Return a word as tmux's command language takes it whole."""
    return "'" + word.replace("'", "'\\''") + "'"
