"""Finds the providers to connect: by opencode.json, the environment, and keys set at run time."""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import UNSET, structs

from opencode.config import ProviderConfig, Settings
from opencode.config.http_url import check_base_url
from opencode.errors import SettingsError
from opencode.schema.base import given

from . import catalog
from .adapters import ANTHROPIC, COMPATIBLE, OPENAI
from .configured_provider import ConfiguredProvider
from .demo.adapter import DEMO, DEMO_MODELS, DEMO_NAME, TOKENS_PER_SECOND, DemoAdapter
from .keys import Keys, split_keys

PREFERRED = ("anthropic", "openai", "huggingface")

_URL_VARIABLES = {"anthropic": "ANTHROPIC_BASE_URL", "openai": "OPENAI_BASE_URL"}
_OPENAI_WIRES = {"responses": OPENAI, "chat": COMPATIBLE}
# Many machines set these for other purposes than models.
_GENERAL_TOKENS = ("GITHUB_TOKEN", "GITLAB_TOKEN")

log = logging.getLogger(__name__)


def check_settings(settings: Settings) -> None:
    """Raise SettingsError if a provider's variable or base URL has an invalid value."""
    environ = settings.environ
    if environ.get("OPENAI_API") and environ["OPENAI_API"] not in _OPENAI_WIRES:
        raise SettingsError(f"OPENAI_API must be responses or chat, not {environ['OPENAI_API']!r}.")
    for variable in _URL_VARIABLES.values():
        if url := environ.get(variable):
            check_base_url(variable, url)
    for provider_id, entry in settings.config.provider.items():
        if url := _configured_url(entry):
            check_base_url(f"opencode.json: provider.{provider_id}.options.baseURL", url)
    _demo_pace(environ)


def candidates(settings: Settings) -> list[str]:
    """Return the ids of all providers that might be connected, in order of preference.

    One that was added to a server that runs comes after those that the server was set up with, so that it
    does not become the default by itself.
    """
    added = settings.added_providers
    configured = [provider_id for provider_id in settings.config.provider if provider_id not in added]
    ids = dict.fromkeys([*configured, *PREFERRED, *catalog.providers(), *added, DEMO])
    return [provider_id for provider_id in ids if is_enabled(provider_id, settings)]


def is_enabled(provider_id: str, settings: Settings) -> bool:
    """Return whether opencode.json enables the provider."""
    only = given(settings.config.enabled_providers, [provider_id])
    return provider_id in only and provider_id not in settings.config.disabled_providers


def connect(provider_id: str, settings: Settings, keys: Keys) -> ConfiguredProvider | None:
    """Return a provider that can be used; None if it has neither a key nor a base URL of its own.

    A key in opencode.json takes precedence over one set at run time, and that over one in the environment.
    Each of them may be several.
    `OPENAI_BASE_URL` at another host than OpenAI's uses Chat Completions, the one wire that all
    OpenAI-compatible servers support, unless `OPENAI_API` (`responses` or `chat`) says otherwise.
    """
    if provider_id == DEMO:
        demo = DemoAdapter(_demo_pace(settings.environ), _own_address(settings))
        return ConfiguredProvider(DEMO, DEMO_NAME, "custom", npm=DEMO, built_in=(demo, DEMO_MODELS))
    public = catalog.providers().get(provider_id)
    entry = settings.config.provider.get(provider_id)
    config = entry or ProviderConfig()
    env = config.env or (public.env if public else [])
    configured_url = _configured_url(config)
    set_url = configured_url or settings.environ.get(_URL_VARIABLES.get(provider_id, ""), "")
    stored = keys.get(provider_id)
    in_environment = _key_in_environment(env, settings.environ)
    keys_in_use = split_keys(config.options.api_key or stored or in_environment or "")
    url = set_url or (public.api if public else "")
    elsewhere = not (public and _is_at(set_url, _host(public.api)))
    npm = given(config.npm, public.npm if public else COMPATIBLE)
    if provider_id == "openai" and config.npm is UNSET:
        npm = _openai_wire(settings.environ, COMPATIBLE if elsewhere and not configured_url else OPENAI)
    has_url = configured_url or (set_url and provider_id == "openai")
    if not (has_url or (keys_in_use and (url or npm in (ANTHROPIC, OPENAI)))):
        if entry:
            missing = "baseURL" if keys_in_use else "key, nor the baseURL of a server that needs no key"
            log.warning("opencode.json: provider %s is not used: it has no %s", provider_id, missing)
        return None
    return ConfiguredProvider(
        provider_id,
        given(config.name, public.name if public else provider_id),
        "config" if entry else "api" if stored else "env",
        npm=npm,
        url=url,
        elsewhere=elsewhere,
        keys=keys_in_use,
        env=env,
        config=config,
    )


def connect_with(
    provider_id: str, key: str, url: str, settings: Settings, keys: Keys
) -> ConfiguredProvider | None:
    """Return a provider as `connect` would with this key, and at this address unless it is ""."""
    entry = settings.config.provider.get(provider_id) or ProviderConfig()
    options = structs.replace(
        entry.options, api_key=key or entry.options.api_key, base_url=url or entry.options.base_url
    )
    providers = {**settings.config.provider, provider_id: structs.replace(entry, options=options)}
    config = structs.replace(settings.config, provider=providers)
    return connect(provider_id, structs.replace(settings, config=config), keys)


def unconnected(provider_id: str, settings: Settings) -> ConfiguredProvider | None:
    """Return a provider of the catalog as it would be with a key; None for an unknown or disabled one."""
    public = catalog.providers().get(provider_id)
    if public is None or not is_enabled(provider_id, settings):
        return None
    return ConfiguredProvider(
        provider_id,
        public.name,
        "custom",
        npm=public.npm,
        url=public.api,
        env=public.env,
        config=settings.config.provider.get(provider_id),
    )


def _configured_url(config: ProviderConfig) -> str:
    return given(config.options.base_url, "") or given(config.api, "")


def _openai_wire(environ: Mapping[str, str], usual: str) -> str:
    return _OPENAI_WIRES.get(environ.get("OPENAI_API", ""), usual)


def _own_address(settings: Settings) -> str:
    """Return this server's base URL as far as settings tell; a Space's host is in SPACE_HOST."""
    if space := settings.environ.get("SPACE_HOST"):
        return f"https://{space}"
    return f"http://localhost:{settings.port}"


def _demo_pace(environ: Mapping[str, str]) -> float:
    """Return OPENCODE_DEMO_PACE: tokens per second, 0 for no delay."""
    text = environ.get("OPENCODE_DEMO_PACE") or str(TOKENS_PER_SECOND)
    if not text.replace(".", "", 1).isdecimal():
        raise SettingsError(f"OPENCODE_DEMO_PACE must be tokens per second, such as 80, not {text!r}.")
    return float(text)


def _key_in_environment(names: list[str], environ: Mapping[str, str]) -> str | None:
    return next((environ[name] for name in names if environ.get(name) and name not in _GENERAL_TOKENS), None)


def _is_at(url: str, host: str) -> bool:
    """Return whether a URL's host is `host` or below it; "" stands for the provider's own URL."""
    return not url or _host(url) == host or _host(url).endswith(f".{host}")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
