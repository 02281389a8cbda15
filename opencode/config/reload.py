"""Notices changed files of the set-up while the server runs, and has the new set-up used."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable

from msgspec import structs

from opencode.clock import now_ms
from opencode.errors import SettingsError

from .fingerprint import Fingerprint, fingerprint
from .settings import Settings

INTERVAL = 1.0
"""Least seconds between two looks at the files."""

IDLE_SHARE = 2_000
BUSY_SHARE = 50
"""A look that takes a second of processor time is followed by so many seconds without one, if nobody asks for
anything, and if requests come in."""

WAIT_SECONDS = 2.0
"""How long requests wait for a look: a file system that hangs must not stop the server."""

RETRY_SECONDS = 5.0
"""Seconds after which a set-up that can't be used is read again, although no known file of it changed."""

SETTLE_SECONDS = 0.05
"""Changed files are read when they are the same after this time: an editor may be writing them."""

SETTLE_LOOKS = 20

Use = Callable[[Settings], Awaitable[None]]
"""Replaces the set-up in use by the one of these settings; raises SettingsError, then nothing has changed."""

log = logging.getLogger(__name__)


class Reload:
    """Looks at the files, reads them again if they changed, and calls `use` with the new settings.

    A set-up that can't be used leaves the last good one in use. `problem`: why, "" if the files are in use.
    `read_at`: when they were last read (Unix ms).
    """

    def __init__(self, settings: Settings, use: Use) -> None:
        self._settings = settings
        self._use = use
        self._seen = settings.seen
        self._looking: asyncio.Task[None] | None = None
        self._began = self._looked = time.monotonic()
        self._retry_at = float("inf")
        self._cost = 0.0
        # Looks are started by requests, whose ids must not be on the log lines.
        self._context = contextvars.copy_context()
        self.problem = ""
        self.read_at = now_ms()

    async def fresh(self) -> None:
        """Look for changed files if the last look is a second old; wait for a look that has begun."""
        if self._seen is None:
            return
        now = time.monotonic()
        if self._looking is None:
            if now - self._looked < max(INTERVAL, self._cost * BUSY_SHARE):
                return
            self._began = now
            self._looking = asyncio.get_running_loop().create_task(
                self._look(), name="look at the set-up", context=self._context
            )
        if (left := self._began + WAIT_SECONDS - now) > 0:
            await asyncio.wait({self._looking}, timeout=left)

    async def now(self) -> None:
        """Read the files again at once, because the server has changed one of them.

        Raises SettingsError if they can't be used; then the set-up is as it was before.
        """
        while self._looking is not None:
            await asyncio.wait({self._looking})
        self._looking = asyncio.get_running_loop().create_task(
            self._read_now(), name="read the set-up", context=self._context
        )
        await asyncio.shield(self._looking)

    async def watch(self, needed: Callable[[], bool]) -> None:
        """Look from time to time while `needed`, until cancelled: for clients that only listen."""
        try:
            while True:
                await asyncio.sleep(max(INTERVAL, self._cost * IDLE_SHARE))
                if needed():
                    await self.fresh()
        finally:
            if self._looking is not None:
                self._looking.cancel()
                await asyncio.wait({self._looking})

    async def _look(self) -> None:
        try:
            seen = await self._fingerprint()
            if seen != self._seen or time.monotonic() >= self._retry_at:
                self._seen = await self._settled(seen)
                await self._read()
        except SettingsError as error:
            self._fail(error.message)
        except Exception as error:
            log.exception("the set-up could not be read again")
            self._fail(f"It failed unexpectedly ({type(error).__name__}); the log has more.")
        finally:
            self._looked = time.monotonic()
            self._looking = None

    async def _read_now(self) -> None:
        try:
            await self._read()
        finally:
            self._looking = None

    async def _read(self) -> None:
        settings = await asyncio.to_thread(self._settings.read_again)
        if structs.replace(settings, seen=self._settings.seen) != self._settings:
            await self._use(settings)
            log.info("the set-up was read again: %s", ", ".join(settings.config_sources) or "no file")
        elif self.problem:
            log.info("the set-up is as it was before")
        self._settings, self._seen = settings, settings.seen
        self.problem, self._retry_at, self.read_at = "", float("inf"), now_ms()

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("the changed set-up can't be used, so the last good one stays in use: %s", problem)
        self.problem = problem
        self._retry_at = time.monotonic() + RETRY_SECONDS

    async def _settled(self, seen: Fingerprint) -> Fingerprint:
        """Return the state of the files once it stays the same for a moment."""
        for _ in range(SETTLE_LOOKS):
            await asyncio.sleep(SETTLE_SECONDS)
            before, seen = seen, await self._fingerprint()
            if seen == before:
                break
        return seen

    async def _fingerprint(self) -> Fingerprint:
        seen, self._cost = await asyncio.to_thread(_timed, self._settings)
        return seen


def _timed(settings: Settings) -> tuple[Fingerprint, float]:
    """Return the state of the files and the seconds of processor time that it took to find out."""
    began = time.thread_time()
    return fingerprint(settings.environ, settings.included), time.thread_time() - began
