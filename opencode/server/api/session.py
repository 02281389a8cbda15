"""Sessions: list, create, get, update, delete, abort, share."""

from typing import Annotated

import msgspec
from quart import Blueprint, Response

from opencode.errors import BadRequest
from opencode.schema.base import encode, wire_name
from opencode.schema.explain import SESSION_ID
from opencode.schema.message import FileDiff
from opencode.schema.prompt import CreateSessionBody, UpdateSessionBody
from opencode.schema.session import Session, SessionStatus, Todo
from opencode.store import SessionQuery

from ..across import everywhere
from ..app_state import services
from ..client import own_address
from ..endpoint import JSON, endpoint
from ..examples import SESSION, SHARED_SESSION, TODOS

blueprint = Blueprint("session", __name__, url_prefix="/session")

NEXT_CURSOR = "X-Next-Cursor"

MAX_TIME = 2**53
"""Unix ms: the largest integer that a JSON number holds exactly."""


class SessionListQuery(msgspec.Struct):
    """Which sessions to list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Maximum number.")] = 100
    roots: Annotated[bool, msgspec.Meta(description="Leave out child sessions.")] = False
    search: Annotated[str, msgspec.Meta(description="Only titles that contain this text.")] | None = None
    start: (
        Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME, description="Only sessions updated since; Unix ms.")]
        | None
    ) = None
    cursor: Annotated[str, msgspec.Meta(description="X-Next-Cursor of the previous page.")] | None = None


@blueprint.get("")
@endpoint(
    list[Session],
    query=SessionListQuery,
    errors=(400,),
    answer=[SESSION],
    headers={NEXT_CURSOR: "`cursor` of the next page; absent on the last one."},
)
async def list_sessions(query: SessionListQuery) -> Response:
    """List sessions, the most recently updated first."""
    page = SessionQuery(
        limit=query.limit + 1,  # one more shows whether a page follows
        roots=query.roots,
        search=query.search,
        updated_since=query.start,
        after=_after(query.cursor),
    )
    sessions = await services().sessions.find(page)
    more = len(sessions) > query.limit
    sessions = sessions[: query.limit]
    response = Response(encode(sessions), content_type=JSON)
    if more:
        response.headers[NEXT_CURSOR] = f"{sessions[-1].time.updated}:{sessions[-1].id}"
    return response


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    updated, colon, session_id = cursor.partition(":")
    if not colon or not updated.isdecimal() or len(updated) > len(str(MAX_TIME)):
        raise BadRequest(f"cursor must be the {NEXT_CURSOR} of a previous page, not {cursor!r}.", "Query")
    return int(updated), session_id


@blueprint.post("")
@endpoint(
    Session,
    body=CreateSessionBody,
    body_required=False,
    errors=(400, 404),
    examples={
        "Default": {},
        "With a title": {"title": "Trip to Lisbon"},
        "With a model": {"model": {"providerID": "anthropic", "id": "claude-sonnet-4-5"}},
    },
    answer=SESSION,
)
async def create_session(body: CreateSessionBody) -> Session:
    """Create a session.

    All fields are optional, and so is the body. Without a title the session gets one from its first prompt.
    """
    return await services().sessions.create(body)


@blueprint.get("/status")
@endpoint(dict[str, SessionStatus], answer={SESSION_ID: {"type": "busy"}})
async def session_statuses() -> dict[str, SessionStatus]:
    """Get session status: which sessions are running.

    Sessions that are not listed are idle.
    """
    running = services().turns.statuses()
    for found in await everywhere("/session/status", dict[str, SessionStatus]):
        running = {**found, **running}
    return running


@blueprint.get("/<session_id>")
@endpoint(Session, errors=(404,), answer=SESSION)
async def get_session(session_id: str) -> Session:
    """Get a session."""
    return await services().sessions.get(session_id)


@blueprint.patch("/<session_id>")
@endpoint(
    Session,
    body=UpdateSessionBody,
    errors=(400, 404),
    examples={"Rename": {"title": "Trip to Lisbon"}},
    answer=SESSION,
)
async def update_session(session_id: str, body: UpdateSessionBody) -> Session:
    """Update a session's title, metadata, permissions or archive time."""
    return await services().sessions.update(session_id, body)


@blueprint.delete("/<session_id>")
@endpoint(bool, errors=(404,))
async def delete_session(session_id: str) -> bool:
    """Delete a session with its messages and child sessions.

    A running turn is aborted first.
    """
    await services().deletion.delete(session_id)
    return True


@blueprint.post("/<session_id>/abort")
@endpoint(bool, errors=(404,))
async def abort_session(session_id: str) -> bool:
    """Abort the running turn; what it wrote so far is kept.

    `true` even if no turn was running.
    """
    await services().turns.abort(session_id)
    return True


@blueprint.get("/<session_id>/children")
@endpoint(list[Session], errors=(404,))
async def list_children(session_id: str) -> list[Session]:
    """List child sessions: those that this one started."""
    return await services().sessions.children(session_id)


@blueprint.get("/<session_id>/todo")
@endpoint(list[Todo], errors=(404,), answer=TODOS)
async def list_todos(session_id: str) -> list[Todo]:
    """Get a session's todo list."""
    return await services().sessions.todos(session_id)


class DiffQuery(msgspec.Struct, rename=wire_name):
    """Which changes of files to return."""

    message_id: (
        Annotated[str, msgspec.Meta(description="Only those made in answering this prompt.")] | None
    ) = None


@blueprint.get("/<session_id>/diff")
@endpoint(list[FileDiff], query=DiffQuery, errors=(404,), answer=[])
async def get_diff(session_id: str, query: DiffQuery) -> list[FileDiff]:
    """Get the changes of files that a session has made: none without a workspace.

    Each file has one patch, from before the first change to after the last. Reverted changes are left out.
    """
    return await services().files.diffs(session_id, query.message_id)


@blueprint.post("/<session_id>/share")
@endpoint(Session, errors=(400, 404), answer=SHARED_SESSION)
async def share_session(session_id: str) -> Session:
    """Share a session: create a link by which anyone can read it without a password.

    The link is `share.url`.
    """
    return await services().sessions.share(session_id, own_address())


@blueprint.delete("/<session_id>/share")
@endpoint(Session, errors=(404,), answer=SESSION)
async def unshare_session(session_id: str) -> Session:
    """Unshare a session: its link stops working."""
    return await services().sessions.unshare(session_id)
