"""How much a client may say at once: checked before anything is stored, refused with what to do instead."""

import re

from opencode.config import MEGABYTE, Limits
from opencode.errors import BadRequest, BodyTooLarge
from opencode.schema.base import JsonObject, encode, given
from opencode.schema.prompt import FilePartInput, PartInput, PromptBody, TextPartInput
from opencode.schema.session import PermissionRule

MOST_PARTS = 1_000
LONGEST_TITLE = 1_000
LARGEST_METADATA = 256 * 1024
MOST_RULES = 1_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def check_prompt(body: PromptBody, parts: list[PartInput], limits: Limits) -> None:
    """Raise BodyTooLarge where a prompt is longer, or brings more files, than the server takes."""
    if len(parts) > MOST_PARTS:
        raise BodyTooLarge(f"The message has {len(parts):,} parts; send at most {MOST_PARTS:,}.")
    texts = [part.text for part in parts if isinstance(part, TextPartInput)]
    size = sum(len(text.encode()) for text in (*texts, given(body.system, "")))
    if size > limits.message:
        raise BodyTooLarge(
            f"The message has {_kilobytes(size)} KB of text; send at most {_kilobytes(limits.message)} KB "
            "(OPENCODE_MAX_MESSAGE_KB), or attach a part of it."
        )
    files = [part for part in parts if isinstance(part, FilePartInput)]
    if len(files) > limits.attachments:
        raise BodyTooLarge(
            f"The message has {len(files)} files; send at most {limits.attachments} with one message "
            "(OPENCODE_MAX_ATTACHMENTS)."
        )
    for file in files:
        if _content_size(file.url) > limits.attachment:
            raise BodyTooLarge(
                f"{given(file.filename, 'A file')} is larger than {limits.attachment // MEGABYTE} MB, the "
                "most that one file may have (OPENCODE_MAX_ATTACHMENT_MB): send a smaller one, or a part."
            )


def clean_title(title: str) -> str:
    """Return a title on one line; control characters, which no title needs, are spaces. Raises BadRequest."""
    cleaned = _CONTROL.sub(" ", title).strip()
    if len(cleaned) > LONGEST_TITLE:
        raise BadRequest(f"title has {len(cleaned):,} characters; send at most {LONGEST_TITLE:,}.")
    return cleaned


def check_metadata(metadata: JsonObject) -> None:
    """Raise BodyTooLarge where a session's metadata is so large that every event of it would be."""
    if (size := len(encode(metadata))) > LARGEST_METADATA:
        raise BodyTooLarge(
            f"metadata has {_kilobytes(size)} KB; send at most {_kilobytes(LARGEST_METADATA)} KB."
        )


def check_rules(rules: list[PermissionRule]) -> None:
    """Raise BadRequest where a session has more permission rules than one can have meant."""
    if len(rules) > MOST_RULES:
        raise BadRequest(
            f"The session would have {len(rules):,} permission rules; {MOST_RULES:,} are the most. Begin a "
            "new session with those that are needed."
        )


def _content_size(url: str) -> int:
    head, _, body = url.partition(",")
    return len(body) * 3 // 4 - body[-2:].count("=") if head.endswith(";base64") else len(body)


def _kilobytes(size: int) -> str:
    return f"{-(-size // 1024):,}"
