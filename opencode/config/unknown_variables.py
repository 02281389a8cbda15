"""Misspelled `OPENCODE_…` variables. One that was meant as the password must not start an open server."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from opencode.errors import SettingsError

from .variables import PASSWORD, VARIABLES

_PREFIX = "OPENCODE_"

_BY_SUFFIX = {variable.name.removeprefix(_PREFIX): variable.name for variable in VARIABLES}

_OTHER_PROGRAMS_PREFIXES = ("DISABLE_", "ENABLE_", "EXPERIMENTAL", "TEST_")
_OTHER_PROGRAMS = frozenset(
    {"ACP_PROFILE", "ALWAYS_NOTIFY_UPDATE", "API_KEY", "AUTH_CONTENT", "AUTO_HEAP_SNAPSHOT", "AUTO_SHARE"}
    | {"BIN_PATH", "CALLER", "CLIENT", "CONSOLE_TOKEN", "DB", "DIRECT_TRACE", "EDITOR_SSE_PORT"}
    | {"FAKE_VCS", "FAST_BOOT", "GITLAB_AUTH_CLIENT_ID", "GIT_BASH_PATH", "MODELS_PATH", "MODELS_URL"}
    | {"PHOTON_WASM_PATH", "PID", "PLUGIN_META_FILE", "PRINT_LOGS", "PURE"}
    | {"REPO_CLONE_GITHUB_BASE_URL", "ROUTE", "SHOW_TTFD", "SKILL_DESCRIPTION", "TERMINAL", "TUI_CONFIG"}
    | {"WEBSEARCH_PROVIDER", "WORKSPACE_ID", "ZED_DB"}
)
"""What opencode's own programs (1.18) read beside this server's variables, without the prefix."""

_NEAR = 0.6
_NEAR_PASSWORD = 0.65
_NEAR_PREFIX = 0.85
"""Least similarity of a misspelling to the name, as difflib counts it."""

_LONGEST = 100
"""Longest suffix used for fuzzy matching; bounds its cost."""


def unknown_variable_warnings(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each variable that looks like one of this server's but is not.

    Raises SettingsError where one of them was meant as the password and no password is set.
    """
    return tuple(_warnings(env))


def _warnings(env: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(env):
        suffix = _suffix(name)
        if not env[name] or name in _BY_SUFFIX.values() or not suffix or _is_of_other_programs(suffix):
            continue
        near = _nearest(suffix)
        if not _has_prefix(name) and not (near or "").startswith(_PREFIX):
            continue  # of a program with a similar name
        if _is_password(suffix) and not env.get(PASSWORD.name):
            raise SettingsError(
                f"{name} is unknown, so the server would start without a password. Set {PASSWORD.name} "
                f"instead, or unset {name}."
            )
        yield f"{name} is unknown and has no effect." + (f" Did you mean {near}?" if near else "")


def _plain(name: str) -> str:
    return name.upper().replace("-", "_").replace("OPEN_CODE", "OPENCODE", 1)


def _has_prefix(name: str) -> bool:
    return _plain(name).startswith("OPENCODE")


def _suffix(name: str) -> str:
    """Return what follows `OPENCODE_` in a name, also where the prefix is misspelled; "" for other names."""
    plain = _plain(name)
    if _has_prefix(name):
        return plain.removeprefix("OPENCODE").lstrip("_")[:_LONGEST]
    prefix, _, suffix = plain.partition("_")
    is_near = get_close_matches(prefix[:_LONGEST], ["OPENCODE"], cutoff=_NEAR_PREFIX)
    return suffix[:_LONGEST] if is_near else ""


def _is_of_other_programs(suffix: str) -> bool:
    return suffix in _OTHER_PROGRAMS or suffix.startswith(_OTHER_PROGRAMS_PREFIXES)


def _nearest(suffix: str) -> str | None:
    """Return the longest variable whose words all occur in `suffix`, else the most similar one."""
    words = set(suffix.split("_"))
    for known in sorted(_BY_SUFFIX, key=len, reverse=True):
        if words >= set(known.split("_")):
            return _BY_SUFFIX[known]
    near = get_close_matches(suffix, _BY_SUFFIX, n=1, cutoff=_NEAR)
    return _BY_SUFFIX[near[0]] if near else None


def _is_password(suffix: str) -> bool:
    words = suffix.split("_")
    return (
        "PASS" in suffix
        or not {"PW", "PWD"}.isdisjoint(words)
        or bool(get_close_matches("PASSWORD", words, cutoff=_NEAR_PASSWORD))
    )
