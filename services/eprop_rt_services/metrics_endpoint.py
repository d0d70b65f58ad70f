"""Where Prometheus asks: a small HTTP server in a thread of its own."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Final, Self
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from eprop_rt.errors import ConfigError
from eprop_rt_services.metrics import DaemonCollector, Observed
from eprop_rt_services.metrics_settings import MetricsSettings, host_and_port

PATIENCE_S: Final = 0.5
LOOK_EVERY_S: Final = 0.005


class MetricsEndpoint:
    """Serves what the loop tells, when it is asked, and never touches what the loop works on.

    Inside the block it answers at `address`. A scrape asks the loop, which answers between two bins
    (`answer`); a loop that does not answer in half a second is told of as it was before, with the
    age of that. Raises ConfigError where the endpoint cannot be had.
    """

    def __init__(self, settings: MetricsSettings, start: Observed) -> None:
        self._endpoint = settings.endpoint
        self._newest = (start, time.monotonic())
        self._asked = False
        self._serving: tuple[WSGIServer, Thread] | None = None

    def answer(self, look: Callable[[], Observed]) -> None:
        """Tell how things are, where somebody waits to hear it; a call costs nothing otherwise.

        Called by the loop once a bin, after the command, and in silence.
        """
        if self._asked:
            self._asked = False
            self._newest = (look(), time.monotonic())

    def _look(self) -> tuple[Observed, float]:
        """In the server's thread; no lock, so that nobody can hold one when a bin is due."""
        before, until_s = self._newest, time.monotonic() + PATIENCE_S
        self._asked = True
        while self._newest is before and time.monotonic() < until_s:
            time.sleep(LOOK_EVERY_S)
        observed, at_s = self._newest
        return observed, time.monotonic() - at_s

    @property
    def address(self) -> str | None:
        """The URL, with the port that was really taken; None where nothing is served."""
        if self._serving is None:
            return None
        host, port = self._serving[0].server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}/metrics"

    def __enter__(self) -> Self:
        if self._endpoint is None:
            return self
        host, port = host_and_port(self._endpoint)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(DaemonCollector(self._look))
        try:
            self._serving = start_http_server(port, host, registry)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no such host"
            raise ConfigError(
                f"metrics.endpoint: cannot listen at {self._endpoint} ({reason}): "
                "name another host or port"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._serving is None:
            return
        server, thread = self._serving
        self._serving = None
        server.shutdown()
        thread.join()
        server.server_close()
