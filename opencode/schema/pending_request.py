"""Answers to what a model or its tools ask of the user."""

from typing import Literal

from msgspec import UNSET, UnsetType

from .base import Wire

PermissionReply = Literal["once", "always", "reject"]


class PermissionReplyBody(Wire):
    """`message`: why it is refused, for the model."""

    reply: PermissionReply
    message: str | UnsetType = UNSET


class PermissionResponseBody(Wire):
    """An answer to a permission request."""

    response: PermissionReply


class QuestionReplyBody(Wire):
    """Answers in the questions' order."""

    answers: list[list[str]]
