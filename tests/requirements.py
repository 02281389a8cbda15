"""What tests need beyond Python: whether it is here, and how to have it. The one place that decides."""

import os
import pwd
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLIENTS = Path(os.environ.get("OPENCODE_CLIENTS") or ROOT / ".clients")
CLIENTS_PYTHON = CLIENTS / "python" / "bin" / "python"
CONFORMANCE = CLIENTS / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
POSTGRES_USER = "postgres"
"""Who runs PostgreSQL where the tests are run by root."""

SLOW = (
    "tests/clients/",
    "tests/faults/test_clients.py",
    "tests/faults/test_kill.py",
    "tests/faults/test_soak.py",
    "tests/mcp/test_conformance.py",
    "tests/security/test_corpus.py",
    "tests/security/test_fuzz.py",
    "tests/security/test_page.py",
    "tests/web/test_commands.py",
    "tests/web/test_robustness.py",
)
"""Tests that `make test` leaves out: those that took longest, where others test the same in a short form."""

NO_TIME = "for time: make test-all runs them"
NO_MOUNT = "without mounts: run as root, in a container with CAP_SYS_ADMIN"


def chromium() -> str | None:
    """Return the browser: $CHROMIUM, or one on PATH, or the newest that Playwright has installed."""
    if named := os.environ.get("CHROMIUM"):
        return named if Path(named).is_file() else None
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    installed = sorted(own.glob("chromium-*/chrome-linux*/chrome"))
    return shutil.which("chromium") or (str(installed[-1]) if installed else None)


def client_program() -> Path | None:
    """Return opencode's program for this machine; its package has one for older processors beside it."""
    programs = (CLIENTS / "node_modules").glob("opencode-linux-*/bin/opencode")
    return min(programs, key=lambda path: len(str(path)), default=None)


def has_clients() -> bool:
    return client_program() is not None and CLIENTS_PYTHON.exists()


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's newest programs; they refuse root, which needs a user for them."""
    if os.getuid() == 0 and not (shutil.which("runuser") and _has_user(POSTGRES_USER)):
        return None
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda path: int(path.parent.name))
    program = shutil.which("initdb")
    return Path(program).parent if program else None


def pgbouncer() -> str | None:
    """Return PgBouncer, which Debian keeps out of users' PATH."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _has_user(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


@dataclass(frozen=True)
class Requirement:
    """Something that a test needs which uses one of `fixtures`, or has the parameter `parameter`."""

    name: str
    fixtures: frozenset[str]
    is_here: Callable[[], object]
    package: str = ""
    """The Debian package, or packages, that bring it."""
    otherwise: str = ""
    """Another way to have it."""
    parameter: str = ""

    @property
    def reason(self) -> str:
        ways = (f"apt-get install {self.package}" if self.package else "", self.otherwise)
        return f"without {self.name}: {' or '.join(filter(None, ways))}"

    def concerns(self, item: pytest.Item) -> bool:
        parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
        return not self.fixtures.isdisjoint(getattr(item, "fixturenames", ())) or (
            self.parameter != "" and self.parameter in parameters
        )


REQUIREMENTS = (
    Requirement(
        "Chromium",
        frozenset({"browser"}),
        chromium,
        package="chromium",
        otherwise="set CHROMIUM to the path of one",
    ),
    Requirement("tmux", frozenset({"attach"}), lambda: shutil.which("tmux"), package="tmux"),
    Requirement(
        "Node",
        frozenset({"published_clients", "conformance"}),
        lambda: shutil.which("node"),
        package="nodejs npm",
    ),
    Requirement(
        "the MCP conformance suite",
        frozenset({"conformance"}),
        CONFORMANCE.exists,
        otherwise="run tests/clients/install.sh, which needs npm",
    ),
    Requirement(
        "opencode's own clients",
        frozenset({"cli", "attach", "published_clients"}),
        has_clients,
        otherwise="run tests/clients/install.sh, which needs npm",
    ),
    Requirement(
        "PostgreSQL", frozenset({"cluster"}), postgres_programs, package="postgresql", parameter="postgres"
    ),
    Requirement("PgBouncer", frozenset({"pooled"}), pgbouncer, package="pgbouncer"),
)


def leave_out(items: Iterable[pytest.Item], without_slow: bool) -> None:
    """Skip the tests whose programs are not here, and the slow ones where they are not asked for."""
    missing = [requirement for requirement in REQUIREMENTS if not requirement.is_here()]
    for item in items:
        for requirement in missing:
            if requirement.concerns(item):
                item.add_marker(pytest.mark.skip(reason=requirement.reason))
        if without_slow and item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.skip(reason=NO_TIME))


if __name__ == "__main__":  # for scripts: the Debian packages to install
    print(*(requirement.package for requirement in REQUIREMENTS if not requirement.is_here()))
