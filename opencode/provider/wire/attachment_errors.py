"""Whether a provider's error may be the refusal of a picture or a file in the request.

The words are those of Anthropic ("Could not process image", "messages.0.content.1.image.source…"), OpenAI
("You uploaded an unsupported image", "Invalid file data"), Google ("Unable to process input image"),
OpenRouter ("No endpoints found that support image input"), DeepSeek ("unknown variant `image_url`"), vLLM,
llama.cpp and Ollama ("illegal base64 data", "Unsupported content part type"). They change, so few are looked
for: who acts on one leaves the files out and asks again, and the answer tells whether it was a refusal.
"""

import re

from opencode.errors import ModelAPIError, ModelError

_WORDS = re.compile(
    r"image|picture|photo|\bpdf\b|document|attachment|multi-?modal|\bvision\b|audio|video|base64|mime"
    r"|media[ _]?type|\bfiles?\b|file_|content (?:part|block|type)|content must be a string",
    re.IGNORECASE,
)
_OTHER_STATUSES = frozenset({401, 402, 403, 407, 408, 409, 425, 429, 502, 503, 504, 529})
"""Statuses for what has nothing to do with a request's content."""
_READ = 4096


def names_attachment(message: str, body: str = "") -> bool:
    """Return whether the words of an error may mean a file in the request."""
    return bool(_WORDS.search(message[:_READ]) or _WORDS.search(body[:_READ]))


def may_refuse_attachment(error: ModelError) -> bool:
    """Return whether an error may be the refusal of a file in the request."""
    return (
        isinstance(error, ModelAPIError)
        and error.status not in _OTHER_STATUSES
        and names_attachment(error.message, error.body or "")
    )
