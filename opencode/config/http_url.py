"""Base URLs of services, as the environment and opencode.json give them: checked before anything is asked."""

import re
from urllib.parse import urlsplit

from opencode.errors import SettingsError

_LOGIN = re.compile(r"(?<=//)[^/@]*@|^[^/@]*@")


def is_http_url(url: str) -> bool:
    """Return whether `url` is an http or https address with a host, and a port that can be connected to."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not any(character.isspace() for character in url)
        )
    except ValueError:
        return False


def check_base_url(name: str, url: str) -> None:
    """Raise SettingsError unless `url`, the value of the setting `name`, is an http or https address."""
    if not is_http_url(url):
        raise SettingsError(
            f"{name} must be an address such as https://host/v1 or http://localhost:11434/v1, "
            f"not {_LOGIN.sub('', url)!r}."
        )
