"""What a new chat begins with: model, effort and agent that were used last, or a default model.

Cookies keep both, for each browser. The owner's default for all is `model` in opencode.json.
"""

from contextlib import suppress
from urllib.parse import quote, unquote

import msgspec
from quart import Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as Redirection

from opencode.errors import RequestError
from opencode.schema.base import given
from opencode.schema.provider import Model
from opencode.session.services import Services

from ..client import is_secure

COOKIE = "opencode_choice"
DEFAULT_COOKIE = "opencode_default"
YEAR_SECONDS = 365 * 24 * 3600
LONGEST = 600
"""Characters of the cookie."""


class Choice(msgspec.Struct, frozen=True):
    """`model`: as `provider/model`. Each is "" where nothing was chosen."""

    model: str = ""
    variant: str = ""
    agent: str = ""


def of_form(form: "MultiDict[str, str]") -> Choice:
    """Return what a form of the page says."""
    return Choice(form.get("model", ""), form.get("variant", ""), form.get("agent", ""))


def remembered() -> Choice:
    """Return what the reader's browser keeps; it may name what there is no more."""
    return _read(COOKIE)


def default() -> Choice:
    """Return the model that was set as the default in the reader's browser; it may be there no more."""
    return _read(DEFAULT_COOKIE)


def _read(cookie: str) -> Choice:
    values = [unquote(each) for each in request.cookies.get(cookie, "")[:LONGEST].split("|")]
    return Choice(*values) if len(values) == len(Choice.__struct_fields__) else Choice()


def remember(response: Response | Redirection, choice: Choice) -> None:
    """Have the reader's browser keep a choice; nothing if no model is chosen."""
    if choice.model:
        _keep(response, COOKIE, choice, YEAR_SECONDS)


def set_default(response: Response, choice: Choice) -> None:
    """Have the reader's browser keep a default model; none if it is ""."""
    _keep(response, DEFAULT_COOKIE, choice, YEAR_SECONDS if choice.model else 0)


def _keep(response: Response | Redirection, cookie: str, choice: Choice, seconds: int) -> None:
    value = "|".join(quote(each, safe="/") for each in msgspec.structs.astuple(choice))
    if len(value) > LONGEST:
        return
    secure = is_secure()
    response.set_cookie(
        cookie,
        value,
        max_age=seconds,
        httponly=True,
        secure=secure,
        samesite="None" if secure else "Lax",  # a Space is shown in a frame of another site
        partitioned=secure,
    )


async def model_of(services: Services, choice: Choice) -> tuple[Model | None, str]:
    """Return the model and the effort of a choice as far as there are such, else None and ""."""
    if choice.model:
        with suppress(RequestError):
            named = services.providers.parse(choice.model)
            model = (await services.providers.resolve(named.provider_id, named.model_id)).model
            return model, choice.variant if choice.variant in given(model.variants, {}) else ""
    return None, ""
