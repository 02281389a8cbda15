"""Replies to permission requests and questions."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import Wire

PermissionReply = Literal["once", "always", "reject"]


class PermissionReplyBody(Wire):
    """A reply to a permission request. `message`: the reason of a refusal, for the model."""

    reply: PermissionReply
    message: str | UnsetType = UNSET


class PermissionResponseBody(Wire):
    """A reply to a permission request, in the older form."""

    response: PermissionReply


class QuestionReplyBody(Wire):
    """`answers`: a list for each question, in order."""

    answers: list[list[str]]
