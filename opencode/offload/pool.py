"""Worker processes for work on untrusted content: a job that takes too long or too much is stopped.

The event loop only writes a job and reads the reply. See `opencode.offload.worker` for the other end.
"""

import asyncio
import contextlib
import os
import sys
from typing import Generic, Literal, TypeVar

import msgspec

from .jobs import Kind, Reply

IDLE_SECONDS = 60
"""How long an idle worker is kept."""

SLOWNESS = 3
"""How many seconds a worker may take for one of its processor's: the machine may be busy."""

GRACE_SECONDS = 1
"""How much longer than its own limit a worker may take: some libraries can't be interrupted from within."""

START_SECONDS = 10
"""How long a worker may take to start, on a busy machine."""

WAIT_SECONDS = 30
"""How long a job waits for a free worker."""

Input = TypeVar("Input")
Output = TypeVar("Output")

Reason = Literal["size", "wait", "time", "memory", "depth", "failed"]


class NotDone(Exception):
    """A job was stopped, or failed. `reason` says which limit it exceeded."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Pool(Generic[Input, Output]):
    """The workers of one kind. They start when they are needed, and end when they have been idle for long."""

    def __init__(self, name: str, kind: Kind[Input, Output]) -> None:
        """`name`: the kind's name in `opencode.offload.jobs`."""
        self._name = name
        self._kind = kind
        self._free = asyncio.Semaphore(kind.workers)
        self._idle: list[_Worker] = []

    async def run(self, job: Input) -> Output:
        """Return the result of a job; raises NotDone. If the caller is cancelled, the job is stopped."""
        try:
            frame = msgspec.msgpack.encode(job)
        except RecursionError:
            raise NotDone("depth") from None
        if len(frame) > self._kind.largest:
            raise NotDone("size")
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise NotDone("wait") from None
        try:
            reply = await self._run(frame)
        finally:
            self._free.release()
        if reply.outcome != "done":
            raise NotDone(reply.outcome)
        result: Output = msgspec.msgpack.decode(reply.result, type=self._kind.gives)
        return result

    async def warm(self) -> None:
        """Have a worker ready, so that the next job does not wait for one to start."""
        if self._idle or self._free.locked():
            return
        async with self._free:
            if not self._idle:
                with contextlib.suppress(NotDone):
                    self._put(await _Worker.start(self._name))

    async def _run(self, frame: bytes) -> Reply:
        worker = self._take() or await _Worker.start(self._name)
        try:
            reply = await worker.reply(frame, self._kind.seconds * SLOWNESS + GRACE_SECONDS)
        except BaseException:
            await worker.kill()
            raise
        if reply.last:
            await worker.kill()
        else:
            self._put(worker)
        return reply

    def _put(self, worker: "_Worker") -> None:
        self._idle.append(worker)
        worker.idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._dismiss, worker)

    def _take(self) -> "_Worker | None":
        """Return an idle worker that is still alive."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        return None

    def _dismiss(self, worker: "_Worker") -> None:
        if worker in self._idle:
            self._idle.remove(worker)
            worker.end()

    async def close(self) -> None:
        """End all idle workers. Jobs end with the tasks that wait for them."""
        while self._idle:
            await self._idle.pop().kill()


class _Worker:
    """One worker process. `idle`: the timer that ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.idle: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @classmethod
    async def start(cls, kind: str) -> "_Worker":
        """Start a worker, without this process's environment, which holds secrets; raises NotDone."""
        worker = cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "opencode.offload.worker",
                kind,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"},
            )
        )
        try:
            await worker._frame(START_SECONDS)
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def reply(self, frame: bytes, seconds: float) -> Reply:
        """Have the worker do a job; raises NotDone if it does not reply in time, or ends."""
        if self.idle is not None:
            self.idle.cancel()
        assert self._process.stdin is not None
        self._process.stdin.writelines((len(frame).to_bytes(4, "big"), frame))
        return msgspec.msgpack.decode(await self._frame(seconds), type=Reply)

    async def _frame(self, seconds: float) -> bytes:
        """Return the next frame that the worker writes, within `seconds`; raises NotDone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                await self._process.stdin.drain()
                length = int.from_bytes(await self._process.stdout.readexactly(4), "big")
                return await self._process.stdout.readexactly(length)
        except TimeoutError:
            raise NotDone("time") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise NotDone("failed") from None

    def end(self) -> None:
        """Have an idle worker end by itself."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def kill(self) -> None:
        if self.idle is not None:
            self.idle.cancel()
        self.end()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._process.stdout is not None:
            await self._process.stdout.read()  # to its end, which closes it
        await self._process.wait()
