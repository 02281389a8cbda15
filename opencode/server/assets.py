"""Static files: compressed once, cached in memory, and cached by browsers until they change."""

import asyncio
import gzip
import mimetypes
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

import msgspec
from quart import Quart, Response, abort, request
from werkzeug.security import safe_join

YEAR_SECONDS = 365 * 24 * 3600
VERSION = 12
"""Digits of a file's hash in its URL."""

KEPT = 128
"""Files that are kept in memory."""

SANDBOXED = "vendor/mermaid/"
"""Files that frames without an origin load."""

_TEXT = ("text/", "application/javascript", "application/json", "image/svg+xml")


class Asset(msgspec.Struct, frozen=True):
    data: bytes
    packed: bytes | None
    kind: str
    etag: str


def register(app: Quart, folder: Path) -> None:
    """Serve the folder's files under /static/. With `?v=` (their version) they are cached forever.

    During an update, a new page may ask an old server: the file that it gets is not the one of that version.
    """

    assets = Assets(folder)

    async def static(filename: str) -> Response:
        asset = await assets.find(filename)
        if asset is None:
            abort(404)
        response = Response(content_type=asset.kind)
        response.set_etag(asset.etag)
        if filename.startswith(SANDBOXED):
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        version = request.args.get("v", "")
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR_SECONDS}, immutable"
            if len(version) >= VERSION and asset.etag.startswith(version)
            else "no-cache"
        )
        if request.if_none_match.contains(asset.etag):
            response.status_code = 304
            return response
        if asset.packed is not None and request.accept_encodings["gzip"]:
            response.headers["Content-Encoding"] = "gzip"
            response.set_data(asset.packed)
        else:
            response.set_data(asset.data)
        return response

    app.add_url_rule("/static/<path:filename>", "static", static)


class Assets:
    """The files of a folder. They are read and compressed in threads, as the largest takes 0.1 s."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[tuple[str, int], Asset] = OrderedDict()

    async def find(self, filename: str) -> Asset | None:
        """Return a file as it is now; None if there is none."""
        path = safe_join(str(self._folder), filename)
        if path is None:
            return None
        try:
            key = (path, _changed(path))
            asset = self._kept.get(key)
            if asset is None:
                asset = await asyncio.to_thread(_read, Path(path))
        except OSError:
            return None  # missing, a directory, or an impossible name
        self._kept[key] = asset
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return asset


def _changed(path: str) -> int:
    return Path(path).stat().st_mtime_ns


def _read(path: Path) -> Asset:
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_text = kind.startswith(_TEXT)
    packed = gzip.compress(data, 9, mtime=0) if is_text and len(data) > 500 else None
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return Asset(data, packed, kind, sha256(data).hexdigest()[:16])
