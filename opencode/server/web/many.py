"""Actions on one or many chats of the side bar: delete and archive, which can be undone, and export."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from quart import Blueprint, Response, redirect, request

from opencode.clock import now_ms
from opencode.errors import BadRequest, NotFound, RequestError
from opencode.schema.prompt import UpdateSessionBody, UpdateSessionTime
from opencode.session.services import Services

from ..app_state import services
from ..json_body import exported
from ..write_timeout import WriteTimeout
from . import names
from .actions import Answer, refuse
from .attachments import WRITE_TIMEOUT_SECONDS, disposition
from .live_view import hx_partial
from .pages import HTML, file_name
from .render import fragment

blueprint = Blueprint("many", __name__, url_prefix="/chats")
blueprint.errorhandler(RequestError)(refuse)

MOST = 500
"""Chats of one action."""


@blueprint.post("/delete")
async def delete() -> Answer:
    """Delete sessions; for a short time they can be restored."""
    session_ids = await _chosen()
    for session_id in session_ids:
        with suppress(NotFound):
            await services().deletion.trash(session_id)
    if not request.headers.get("HX-Request"):
        return redirect(f"/?deleted={session_ids[0]}", 303)
    response = _notice(fragment("undo", session_ids, "deleted", "/chats/undelete"))
    if request.headers.get("HX-Current-URL", "").partition("?")[0].rpartition("/")[2] in session_ids:
        response.headers["Chat-Location"] = "/"  # the open chat is gone
    return response


@blueprint.post("/undelete")
async def undelete() -> Answer:
    """Restore deleted sessions."""
    late = 0
    for session_id in await _chosen():
        try:
            await services().deletion.restore(session_id)
        except NotFound:
            late += 1
    if late:
        raise NotFound("It is too late to undo all of this: chats have been deleted.")
    return _done()


@blueprint.post("/archive")
async def archive() -> Answer:
    """Move sessions to the archive: out of the list, found by search as before."""
    session_ids = await _chosen()
    await _archive(services(), session_ids, UpdateSessionTime(archived=now_ms()))
    return _done(fragment("undo", session_ids, "archived", "/chats/unarchive"))


@blueprint.post("/unarchive")
async def unarchive() -> Answer:
    """List archived sessions again."""
    await _archive(services(), await _chosen(), UpdateSessionTime())
    return _done()


@blueprint.post("/export")
async def export() -> Response:
    """Download sessions in a ZIP archive, each as opencode exports it."""
    headers = {"Content-Disposition": disposition("attachment", "chats.zip")}
    response = Response(_zipped(services(), await _chosen()), content_type="application/zip", headers=headers)
    response.timeout = None  # many take long on a slow line; `_zipped` ends it if the client takes nothing
    return response


async def _zipped(services: Services, session_ids: Sequence[str]) -> AsyncIterator[bytes]:
    """Yield a ZIP archive, one session at a time, so that memory holds one of them."""
    pieces = _Pieces()
    timeout = WriteTimeout(WRITE_TIMEOUT_SECONDS)
    try:
        with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:
            for session_id in session_ids:
                try:
                    document = await services.transfer.export(session_id)
                except NotFound:
                    continue  # it was deleted meanwhile
                await names.learn(services, [document.info])
                name = f"{file_name(document.info)}-{session_id[-6:]}.json"
                await asyncio.to_thread(archive.writestr, name, await exported(document))
                timeout.sending()
                yield pieces.taken()
                timeout.taken()
        yield pieces.taken()
    finally:
        timeout.close()


class _Pieces(io.RawIOBase):
    """A file that can be written only: what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


async def _chosen() -> list[str]:
    """Return the ids in the request's form, each once; raises BadRequest for none and for too many."""
    session_ids = list(dict.fromkeys((await request.form).getlist("id")))
    if not session_ids:
        raise BadRequest("No chat is selected: select at least one.")
    if len(session_ids) > MOST:
        raise BadRequest(f"{len(session_ids)} chats are too many at once: select up to {MOST}.")
    return session_ids


async def _archive(services: Services, session_ids: Sequence[str], time: UpdateSessionTime) -> None:
    for session_id in session_ids:
        with suppress(NotFound):  # it was deleted meanwhile
            await services.sessions.update(session_id, UpdateSessionBody(time=time))


def _done(notice: str = "") -> Answer:
    return _notice(notice) if request.headers.get("HX-Request") else redirect("/", 303)


def _notice(html: str) -> Response:
    return Response(hx_partial("notice", "innerHTML", html), content_type=HTML)
