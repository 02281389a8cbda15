"""What every prompt begins with: rules of the project and the user, and `instructions` of opencode.json."""

import asyncio
import glob
import os
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from opencode.config import Places, Settings
from opencode.errors import ToolError
from opencode.tool.charset import decode
from opencode.tool.download import download
from opencode.tool.egress import Egress

FRESH_SECONDS = 2.0
"""How long the files of one look are used: a changed file counts in the next turn after that."""

URL_SECONDS = 5.0
"""How long an address may take, as in opencode."""

URL_RETRY_SECONDS = 60.0

MAX_FILES = 500
MAX_FILE_BYTES = 1024 * 1024
"""The most files, and bytes of a file or an address, that are read."""

_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_ADDRESS = ("http://", "https://")


class _Look(msgspec.Struct, frozen=True):
    """What one look at the files has found, at a time of time.monotonic()."""

    time: float
    texts: tuple[str, ...]
    files: tuple[str, ...]
    warnings: tuple[str, ...]


class Instructions:
    """The texts by now: files are read again after a while, addresses where they could not be fetched."""

    def __init__(self, settings: Settings, egress: Egress) -> None:
        self._entries = settings.config.instructions
        self._places = settings.places or Places(
            project=(settings.config_path.parent if settings.config_path else Path()).absolute()
        )
        self._egress = egress
        self._look: _Look | None = None
        self._fetched: dict[str, str] = {}
        self._failures: dict[str, str] = {}
        self._fetch_time = float("-inf")
        self._reading = asyncio.Lock()

    def replaced(self, settings: Settings) -> "Instructions":
        """Return the texts of another set-up, with the addresses that were fetched already."""
        instructions = Instructions(settings, self._egress)
        instructions._fetched = {
            url: self._fetched[url] for url in instructions._addresses() if url in self._fetched
        }
        return instructions

    async def texts(self) -> tuple[str, ...]:
        """Return the texts, each under a line that says where it is from, in opencode's order."""
        async with self._reading:
            look = await self._fresh_look()
            await self._fetch()
        fetched = (_text(url, self._fetched[url]) for url in self._addresses() if self._fetched.get(url))
        return (*look.texts, *fetched)

    async def sources(self) -> tuple[str, ...]:
        """Return the files that the texts are from, and the addresses that were fetched so far."""
        async with self._reading:
            look = await self._fresh_look()
        return (*look.files, *filter(self._fetched.get, self._addresses()))

    async def warnings(self) -> tuple[str, ...]:
        """Return a sentence for each entry that adds nothing to the prompts."""
        await self.texts()
        of_files = self._look.warnings if self._look else ()
        return (*of_files, *(f"instructions: {url}: {why}" for url, why in self._failures.items()))

    async def _fresh_look(self) -> _Look:
        look = self._look
        if look is None or time.monotonic() - look.time > FRESH_SECONDS:
            look = self._look = await asyncio.to_thread(self._read)
        return look

    def _addresses(self) -> list[str]:
        return list(dict.fromkeys(entry for entry in self._entries if entry.startswith(_ADDRESS)))

    async def _fetch(self) -> None:
        missing = [url for url in self._addresses() if url not in self._fetched]
        if not missing or time.monotonic() - self._fetch_time < URL_RETRY_SECONDS:
            return
        async with asyncio.TaskGroup() as tasks:
            for url in missing:
                tasks.create_task(self._fetch_one(url))
        self._fetch_time = time.monotonic()

    async def _fetch_one(self, url: str) -> None:
        import httpx  # noqa: PLC0415 - the server starts without it

        async def permit(url: str) -> None:
            """Allow each redirect: the egress checks its address."""

        try:
            async with asyncio.timeout(URL_SECONDS) as limit:
                result = await download(self._egress, url, {}, permit, limit, URL_SECONDS)
        except ToolError as error:
            self._failures[url] = error.message
        except TimeoutError:
            self._failures[url] = f"no answer within {URL_SECONDS:g} seconds. Save it as a file."
        except httpx.HTTPError as error:
            self._failures[url] = f"can't be fetched ({type(error).__name__}). Save it as a file."
        else:
            self._failures.pop(url, None)
            self._fetched[url] = decode(result.body[:MAX_FILE_BYTES], result.charset)

    def _read(self) -> _Look:
        warnings: list[str] = []
        files = dict.fromkeys(_rules(self._places))
        for entry in self._entries:
            if not entry.startswith(_ADDRESS):
                matches = list(islice(_matches(entry, self._places), MAX_FILES))
                files |= dict.fromkeys(matches)
                if not matches:
                    warnings.append(f"instructions: {entry!r} matches no file in {self._places.project}.")
        texts: dict[str, str] = {}
        for file in islice(files, MAX_FILES):
            try:
                with file.open("rb") as opened:
                    content = opened.read(MAX_FILE_BYTES + 1)
            except OSError as error:
                warnings.append(f"instructions: {file} can't be read: {error.strerror}.")
                continue
            if len(content) > MAX_FILE_BYTES:
                warnings.append(f"instructions: {file} is left out: it is larger than 1 MB.")
            elif content:
                texts[str(file)] = _text(str(file), decode(content))
        return _Look(time.monotonic(), tuple(texts.values()), tuple(texts), tuple(warnings))


def _text(source: str, text: str) -> str:
    return f"Instructions from: {source}\n{text}"


def _rules(places: Places) -> Iterator[Path]:
    """Yield the user's rules, then the project's, the nearest first."""
    yield from islice(filter(_is_file, places.user_rules), 1)
    for name in places.rules:
        found = [folder / name for folder in places.upwards() if _is_file(folder / name)]
        if found:
            yield from found
            return


def _matches(entry: str, places: Places) -> Iterator[Path]:
    """Yield the files that match a path or a pattern, which is relative to the project or a folder above."""
    path = places.home / entry[2:] if places.home and entry.startswith("~/") else Path(entry)
    for pattern in _without_braces(os.path.normpath(path)) if entry else ():
        folders = [Path("/")] if path.is_absolute() else places.upwards()
        for folder in folders:
            literal = folder / pattern  # a name may hold a bracket
            found = sorted(islice(_glob(pattern, folder), MAX_FILES))
            matches = [folder / match for match in found] or [literal]
            yield from filter(_is_file, (Path(os.path.normpath(match)) for match in matches))


def _glob(pattern: str, folder: Path) -> Iterator[str]:
    return glob.iglob(pattern, root_dir=folder, recursive=True, include_hidden=True)


def _without_braces(pattern: str) -> list[str]:
    """Return the patterns for which one with `{a,b}` stands."""
    patterns = [pattern]
    while (match := next(filter(None, map(_BRACES.search, patterns)), None)) and len(patterns) < MAX_FILES:
        whole = match.string
        patterns.remove(whole)
        patterns += [whole[: match.start()] + item + whole[match.end() :] for item in match[1].split(",")]
    return patterns


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that this user may not enter
        return False
