"""A worker process: `python -m opencode.offload.worker KIND`. It reads jobs, and writes a reply to each.

Jobs and replies are frames: a length in four bytes, big-endian, then MessagePack. The worker's first frame is
empty: it is ready. The process limits its own time and memory; the server kills it if that is not enough. It
ends when its input ends.
"""

import os
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from opencode.offload import jobs
from opencode.offload.jobs import Reply
from opencode.offload.time_limit import OutOfTime, time_limit

RECYCLE_MEGABYTES = 200
"""A worker that is larger after a job ends with its reply."""

NICENESS = 5
"""Work on untrusted content waits for the server, not the other way round."""


def main() -> None:
    kind: jobs.Kind[Any, Any] = getattr(jobs, sys.argv[1])
    _limit(kind.megabytes)
    module, name = kind.function.split(":")
    work = getattr(import_module(f"opencode.offload.{module}"), name)
    jobs_in, replies = sys.stdin.buffer, sys.stdout.buffer
    _write(replies, b"")  # it is ready
    while frame := _read(jobs_in):
        reply = _run(work, kind, frame)
        _write(replies, msgspec.msgpack.encode(reply))
        if reply.last:
            break


def _run(work: Callable[[Any], Any], kind: "jobs.Kind[Any, Any]", frame: bytes) -> Reply:
    none = msgspec.Raw(msgspec.msgpack.encode(None))
    try:
        with time_limit(kind.seconds):
            result = msgspec.msgpack.encode(work(msgspec.msgpack.decode(frame, type=kind.takes)))
    except OutOfTime:
        return Reply("time", none, last=True)
    except MemoryError:
        return Reply("memory", none, last=True)
    except RecursionError:
        return Reply("depth", none, last=False)
    except Exception:  # noqa: BLE001 - whatever a library raises about hostile content
        return Reply("failed", none, last=False)
    return Reply("done", msgspec.Raw(result), last=_resident_megabytes() > RECYCLE_MEGABYTES)


def _resident_megabytes() -> int:
    """Return the size of this process now, 0 if the system does not say; getrusage counts its parent."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def _limit(megabytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(NICENESS)


def _write(stream: BinaryIO, frame: bytes) -> None:
    stream.write(len(frame).to_bytes(4, "big") + frame)
    stream.flush()


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 4 else None


if __name__ == "__main__":
    main()
