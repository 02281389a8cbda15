"""What the handlers of one app share: its settings, and the services once they are open."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from quart import Quart, current_app

from opencode.agent.retry import RetryPolicy
from opencode.cluster import Cluster
from opencode.cluster.relay import Relay
from opencode.config import Settings
from opencode.provider.demo.adapter import DEMO
from opencode.session.services import Services, open_services
from opencode.telemetry import Metrics, watching_loop
from opencode.telemetry import opened as telemetry_opened

from . import memory
from .concurrency import ConcurrencyLimit
from .shutdown import on_stop_signal

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from .auth import Password
    from .web.feed import Feeds
    from .web.markdown import Markdown

_KEY = "opencode"

log = logging.getLogger(__name__)


class AppState:
    """The one object that an app keeps. All but `settings` and `password` is there while `open` is entered.

    `password`: None if none is set. `cookie_key`: what login cookies are signed
    with, there if a password is set. `streams`: the open event streams of each client.
    """

    services: Services
    metrics: Metrics
    markdown: "Markdown"
    feeds: "Feeds"
    cookie_key: bytes

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._cluster: Cluster | None = None
        self._client: ClientSession | None = None
        self.relay: Relay | None = None
        self.password: Password | None = None
        self.streams = ConcurrencyLimit(settings.limits.client_streams)

    async def connections_to_servers(self) -> "ClientSession":
        """Return the client for requests to other servers of the cluster."""
        if self._client is None:
            from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector  # noqa: PLC0415

            self._client = ClientSession(
                connector=TCPConnector(limit=0),
                timeout=ClientTimeout(total=None, sock_connect=3),
                auto_decompress=False,
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            )
        return self._client

    def is_server_address(self, address: str) -> bool:
        """Return whether an IP address is that of another server of the cluster."""
        return self._cluster is not None and any(peer.host == address for peer in self._cluster.peers)

    async def listening(self) -> None:
        """Return once what other servers tell comes in; call it before somebody listens to all sessions."""
        if self.relay is not None:
            await self.relay.listening()

    @asynccontextmanager
    async def _relaying(self, services: Services) -> AsyncIterator[None]:
        if services.cluster is None:
            yield
            return
        self._cluster = services.cluster
        self.relay = Relay(services.cluster, services.bus, self.connections_to_servers)
        try:
            yield
        finally:
            await self.relay.close()
            if self._client is not None:
                await self._client.close()

    @property
    def cluster(self) -> Cluster | None:
        """The servers that share the database; None with SQLite, and before the services are open."""
        return self._cluster

    @property
    def open_to_network(self) -> bool:
        """Whether other machines may use the server without a password, as far as HOST tells."""
        return self.settings.open_to_network

    @property
    def may_change_settings(self) -> bool:
        """Whether clients may change the configuration: not if strangers can be among them."""
        return self.password is not None or not self.open_to_network

    def attach(self, app: Quart) -> None:
        """Give the state to an app, whose handlers find it by `app_state`."""
        app.extensions[_KEY] = self

    @asynccontextmanager
    async def open(self, retry: RetryPolicy | None = None) -> AsyncIterator[None]:
        """Open the services; they stop on a stop signal or at the end of the block. Raises SettingsError."""
        from .auth import cookie_key  # noqa: PLC0415 - asks the state of its app
        from .web.feed import Feeds  # noqa: PLC0415 - the page reads the state of its app
        from .web.markdown import Markdown  # noqa: PLC0415

        async with (
            open_services(self.settings, retry) as services,
            telemetry_opened(services) as metrics,
            aclosing(Markdown()) as markdown,
            memory.given_back(),
            self._relaying(services),
        ):
            self.services, self.metrics, self.markdown = services, metrics, markdown
            self.feeds = Feeds(services, markdown)
            if self.settings.password is not None:
                self.cookie_key = await cookie_key(self.settings, services.secrets)
            for warning in services.setup.warnings:
                log.warning("%s", warning)
            if self.open_to_network:
                log.warning(
                    "no password is set: whoever can reach this server may read every chat and spend its "
                    "keys; set OPENCODE_SERVER_PASSWORD, or HOST=127.0.0.1 to serve this machine only"
                )
            log.info("database: %s", services.store.place)
            _log_providers(services.providers.defaults())
            with watching_loop(), on_stop_signal(lambda: services.stop(self.settings.stop_grace)):
                yield


def app_state() -> AppState:
    """Return the state of the app that handles this request."""
    state: AppState = current_app.extensions[_KEY]
    return state


def services() -> Services:
    """Return the services of the app that handles this request."""
    return app_state().services


def metrics() -> Metrics:
    """Return the metrics of the app that handles this request."""
    return app_state().metrics


def _log_providers(connected: Iterable[str]) -> None:
    if set(connected) <= {DEMO}:
        log.info("no key is set, so the offline demo model answers; set ANTHROPIC_API_KEY, OPENAI_API_KEY, …")
    else:
        log.info("providers: %s", ", ".join(connected))
