"""What a process tree costs, and the summary of many samples."""

from collections.abc import Iterable, Sequence

import psutil

MEGABYTE = 1e6


def percentile(samples: Iterable[float], share: float) -> float | None:
    """Return the sample below which that share of all samples lies; None if there are none."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def median(samples: Iterable[float]) -> float | None:
    return percentile(samples, 0.5)


class ProcessTree:
    """A process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def processes(self) -> Sequence[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all, and of their children that have ended (psutil's first four times)."""
        return float(sum(sum(process.cpu_times()[:4]) for process in self.processes()))

    def resident_mb(self) -> float:
        """Resident memory of all; pages that two of them share count twice."""
        return float(sum(process.memory_info().rss for process in self.processes()) / MEGABYTE)

    def files(self) -> int:
        """Count what the tree holds open: files, sockets and pipes."""
        return sum(process.num_fds() for process in self.processes())

    def kill(self) -> None:
        """End the tree at once, as a kill -9 does."""
        for process in self.processes():
            process.kill()

    def serves(self, port: int) -> bool:
        """Tell whether the tree still holds a TCP connection from a client's `port`."""
        links = [link for process in self.processes() for link in process.net_connections("tcp")]
        return any(link.raddr and link.raddr.port == port for link in links)

    def open_sockets(self, port: int) -> int:
        """Count TCP connections to `port` that the tree still holds."""
        return sum(
            connection.laddr.port == port and connection.status != psutil.CONN_LISTEN
            for process in self.processes()
            for connection in process.net_connections("tcp")
        )
