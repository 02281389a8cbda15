"""The actions on the page. Each one is a form post, so they work without JavaScript too."""

import msgspec
from msgspec import UNSET
from quart import Blueprint, Response, redirect, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as Redirection

from opencode.errors import BadRequest, BodyTooLarge, NotFound, RequestError
from opencode.schema.base import given
from opencode.schema.prompt import (
    CreateSessionBody,
    PromptBody,
    SummarizeBody,
    UpdateSessionBody,
)
from opencode.schema.transfer import SessionImport

from ..app_state import services
from ..client import own_address
from ..endpoint import decode_body
from ..errors import too_large, wait
from ..json_body import exported_json
from . import choice
from .error_messages import page_message
from .form import files_of, prompt_from_form, prompt_from_message
from .live_view import hx_partial
from .pages import HTML
from .render import fragment, page
from .security import nonce

blueprint = Blueprint("actions", __name__)

_EXPORT = msgspec.json.Decoder(SessionImport)

Answer = Response | Redirection


@blueprint.post("/chat")
async def start() -> Answer:
    """Create a session and send its first message."""
    form = await request.form
    prompt = await prompt_from_form()
    session = await services().sessions.create(CreateSessionBody(agent=form.get("agent") or UNSET))
    await services().prompts.send(session.id, prompt)
    path = f"/chat/{session.id}"
    response: Answer = redirect(path, 303)
    if request.headers.get("HX-Request"):
        response = Response("", headers={"Chat-Location": path}, content_type=HTML)
    choice.remember(response, choice.of_form(form))
    return response


@blueprint.post("/chat/<session_id>")
async def send(session_id: str) -> Answer:
    """Send a message; with `replaces`, instead of that message (whose files are kept) and all after it."""
    form = await request.form
    sessions = services().sessions
    replaced = form.get("replaces")
    kept = files_of(await sessions.message(session_id, replaced)) if replaced else []
    prompt = await prompt_from_form(kept)
    if replaced and services().turns.is_waiting(session_id, replaced):
        message_id = (await services().prompts.rewrite(session_id, replaced, prompt)).message.info.id
    elif replaced:
        message_id = await _replace(session_id, replaced, prompt)
    else:
        message_id = (await services().prompts.send(session_id, prompt)).message.info.id
    response = _done(session_id)
    response.headers["Message-Id"] = message_id
    choice.remember(response, choice.of_form(form))
    return response


@blueprint.post("/chat/<session_id>/again")
async def again(session_id: str) -> Answer:
    """Answer a prompt again, with the model, effort and agent in the form if it has any."""
    form = await request.form
    sessions = services().sessions
    message = await sessions.message(session_id, form.get("message", ""))
    chosen = choice.of_form(form)
    await _replace(session_id, message.info.id, prompt_from_message(message, chosen))
    response = _done(session_id)
    choice.remember(response, chosen)
    return response


@blueprint.post("/chat/<session_id>/take-back")
async def take_back(session_id: str) -> Answer:
    """Remove a message that waits, or one that was not answered."""
    message_id = (await request.form).get("message", "")
    if services().turns.get(session_id) is not None:
        await services().prompts.take_back(session_id, message_id)
    else:
        await services().history.remove_message(session_id, message_id)
    return _done(session_id)


@blueprint.post("/chat/<session_id>/stop")
async def stop(session_id: str) -> Answer:
    await services().turns.abort(session_id)
    return _done(session_id)


@blueprint.post("/chat/<session_id>/permission/<request_id>")
async def permit(session_id: str, request_id: str) -> Answer:
    """Allow or reject a tool call that asks for permission."""
    form = await request.form
    reply = form.get("reply", "")
    if reply not in ("once", "always", "reject"):
        raise BadRequest("Choose Allow once, Allow in this chat or Reject.")
    services().pending_requests.reply_permission(request_id, reply, form.get("message", "").strip())
    return _done(session_id)


@blueprint.post("/chat/<session_id>/question/<request_id>")
async def answer(session_id: str, request_id: str) -> Answer:
    """Answer the model's questions, or dismiss them."""
    form = await request.form
    pending = services().pending_requests
    if form.get("do") == "reject":
        pending.reject_question(request_id)
        return _done(session_id)
    answers = []
    for number, _ in enumerate(pending.questions.get(request_id).questions):
        other = form.get(f"answer-{number}-other", "").strip()
        answers.append([*form.getlist(f"answer-{number}"), *([other] if other else [])])
    if not any(answers):
        raise BadRequest("Choose an answer or write one. To go on without an answer, press Dismiss.")
    pending.reply_question(request_id, answers)
    return _done(session_id)


@blueprint.post("/chat/<session_id>/rename")
async def rename(session_id: str) -> Answer:
    title = (await request.form).get("title", "").strip()[:200]
    await services().sessions.update(session_id, UpdateSessionBody(title=title))
    return _done(session_id)


@blueprint.post("/chat/<session_id>/pin")
async def pin(session_id: str) -> Answer:
    """Pin a session to the top of the list, or unpin it."""
    session = await services().sessions.get(session_id)
    metadata = dict(given(session.metadata, {}))
    metadata["pinned"] = not metadata.get("pinned")
    await services().sessions.update(session_id, UpdateSessionBody(metadata=metadata))
    return _done(session_id)


@blueprint.post("/chat/<session_id>/compact")
async def compact(session_id: str) -> Answer:
    """Replace what the model sees of the conversation by a summary; the page still shows all of it."""
    sessions = services().sessions
    model = (await sessions.get(session_id)).model
    choice = await services().providers.default()
    await services().prompts.summarize(
        session_id,
        SummarizeBody(
            provider_id=model.provider_id if model else choice.provider_id,
            model_id=model.id if model else choice.model_id,
        ),
    )
    return _done(session_id)


@blueprint.post("/chat/<session_id>/fork")
async def fork(session_id: str) -> Answer:
    """Continue in a copy of the session, without reverted messages, or up to and including `after`."""
    after = (await request.form).get("after")
    sessions = services().sessions
    revert = (await sessions.get(session_id)).revert
    end = revert.message_id if revert else None
    if after:
        messages = await sessions.messages(session_id, outlines=True)
        end = next((message.info.id for message in messages if message.info.id > after), None)
    copy = await services().history.fork(session_id, end)
    return redirect(f"/chat/{copy.id}", 303)


@blueprint.post("/chat/<session_id>/branch")
async def switch_branch(session_id: str) -> Answer:
    """Show another version of an edited or repeated prompt, and what followed it."""
    await services().branches.switch(session_id, (await request.form).get("to", ""))
    return _done(session_id)


@blueprint.post("/chat/<session_id>/unrevert")
async def unrevert(session_id: str) -> Answer:
    """Restore the reverted messages."""
    await services().history.unrevert(session_id)
    if request.headers.get("HX-Request"):
        return Response("", content_type=HTML)  # the stream may have a notice of files that were left alone
    return _done(session_id)


@blueprint.post("/chats/import")
async def import_chat() -> Answer:
    """Create a session from an exported one."""
    file = (await request.files).get("file")
    if file is None or not file.filename:
        raise BadRequest("Choose the JSON file of an exported chat.")
    session = await services().transfer.import_(decode_body(_EXPORT, exported_json(file.read()), True))
    return redirect(f"/chat/{session.id}", 303)


@blueprint.post("/chat/<session_id>/share")
async def share(session_id: str) -> Answer:
    session = await services().sessions.share(session_id, own_address())
    link = session.share.url if session.share else ""
    count = await services().sessions.count_visible(session_id)
    what = f"this chat, {count} message{'' if count == 1 else 's'} so far, and what is added to it"
    return _done(session_id, fragment("notice", f"Anyone with this link can read {what}:", link))


@blueprint.post("/chat/<session_id>/unshare")
async def unshare(session_id: str) -> Answer:
    await services().sessions.unshare(session_id)
    return _done(session_id)


@blueprint.post("/chat/<session_id>/delete")
async def delete(session_id: str) -> Answer:
    """Delete a session; for a short time it can be restored."""
    await services().deletion.trash(session_id)
    return redirect(f"/?deleted={session_id}", 303)


@blueprint.post("/chat/<session_id>/undelete")
async def undelete(session_id: str) -> Answer:
    """Restore a deleted session."""
    try:
        await services().deletion.restore(session_id)
    except NotFound:
        raise NotFound("It is too late to undo this: the chat has been deleted.") from None
    return redirect(f"/chat/{session_id}", 303)


@blueprint.errorhandler(RequestEntityTooLarge)
async def refuse_body(_: RequestEntityTooLarge) -> Response:
    return await refuse(BodyTooLarge(too_large()))


@blueprint.errorhandler(RequestError)
async def refuse(error: RequestError) -> Response:
    """Show a refused action on the page: in its notice, or without JavaScript as a page of its own."""
    message = page_message(error)
    if request.headers.get("HX-Request"):
        return Response(hx_partial("notice", "innerHTML", fragment("notice", message)), content_type=HTML)
    back = f"/chat/{request.view_args['session_id']}" if request.view_args else "/"
    if isinstance(error, NotFound):
        back = "/"
    html = page("refused.html", message=message, back=back, nonce=nonce())
    return wait(Response(html, status=error.status, content_type=HTML), error)


def _done(session_id: str, notice: str = "") -> Answer:
    """Return the response to an action, whose effect arrives by the page's stream, and a notice to show."""
    if request.headers.get("HX-Request"):
        return Response(hx_partial("notice", "innerHTML", notice), content_type=HTML)
    return redirect(f"/chat/{session_id}", 303)


async def _replace(session_id: str, message_id: str, prompt: PromptBody) -> str:
    """Stop the running answer, and send a prompt instead of a message and all that follows it.

    Returns the new message's id.
    """
    await services().turns.abort(session_id)
    return (await services().prompts.send(session_id, prompt, replaces=message_id)).message.info.id
