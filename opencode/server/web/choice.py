"""Model, effort and agent that were used last: a new chat begins with them. A cookie keeps them."""

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
    values = [unquote(each) for each in request.cookies.get(COOKIE, "")[:LONGEST].split("|")]
    return Choice(*values) if len(values) == len(Choice.__struct_fields__) else Choice()


def remember(response: Response | Redirection, choice: Choice) -> None:
    """Have the reader's browser keep a choice; nothing if no model is chosen."""
    value = "|".join(quote(each, safe="/") for each in msgspec.structs.astuple(choice))
    if not choice.model or len(value) > LONGEST:
        return
    secure = is_secure()
    response.set_cookie(
        COOKIE,
        value,
        max_age=YEAR_SECONDS,
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
