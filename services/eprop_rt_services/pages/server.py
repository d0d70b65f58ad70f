"""A Bokeh server for one page, until it is told to end.

A page on the loopback is open to who can log in to this machine, as the control socket is. Any
other bind needs a token: the first request carries it in its address, a cookie carries it from
then on. Connections of pages from elsewhere are refused by their origin in both cases.
"""

import asyncio
import gc
import hmac
import logging
import signal
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.auth_provider import AuthProvider
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

from eprop_rt.errors import ConfigError
from eprop_rt_services.pages.place import Place
from eprop_rt_services.stopping import ENDS

COOKIE = "eprop-rt-page"
USER = "token"
REFUSAL = "This page needs the token in its address: open the whole URL that was printed.\n"
SESSION_S = 86400  # a page that was opened may connect again so long after


def serve_page(
    build: Callable[[Document], None], place: Place, ready: Callable[[str], None]
) -> None:
    """Serve a page until SIGINT, SIGTERM or SIGHUP; `ready` gets its URL when it can be opened.

    `build` fills a document for each browser that comes; what it draws is at its `template`.
    Raises ConfigError where the place is open to others without a token, or is taken.
    """
    place.check()
    with handlers_kept(), farewells_untold():
        asyncio.run(_serve(build, place, ready))


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back what signals did before: asyncio leaves them with what they do by default.

    The caller has something to clean up, and a second signal may come while it does.
    """
    before = [signal.getsignal(each) for each in ENDS]
    try:
        yield
    finally:
        for each, handler in zip(ENDS, before, strict=True):
            signal.signal(each, handler)


@contextmanager
def farewells_untold() -> Iterator[None]:
    """A browser that goes is no news, nor is what the end cuts off on its way to one."""

    def is_news(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))

    bokeh, tornado = logging.getLogger("bokeh"), logging.getLogger("tornado.application")
    level = bokeh.level
    bokeh.setLevel(logging.ERROR)
    tornado.addFilter(is_news)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "coroutine 'WSHandler.send_message'", RuntimeWarning)
            yield
            gc.collect()  # what was cut off complains when it is collected
    finally:
        tornado.removeFilter(is_news)
        bokeh.setLevel(level)


async def _serve(
    build: Callable[[Document], None], place: Place, ready: Callable[[str], None]
) -> None:
    ending, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in ENDS:
        loop.add_signal_handler(each, ending.set)
    server = open_server(build, place)
    try:
        server.start()
        ready(place.url(server.port or 0))
        await ending.wait()
    finally:
        # Bokeh tells as text, without the exception, what the end cuts off.
        logging.getLogger("bokeh").setLevel(logging.CRITICAL)
        server.stop()


def open_server(build: Callable[[Document], None], place: Place) -> BaseServer:
    """A server that is bound, to be started in the running loop; raises as `serve_page`."""
    place.check()
    try:
        sockets, port = bind_sockets(place.address, place.port)
    except OSError as error:
        raise ConfigError(
            f"cannot serve the page on {place.address} port {place.port} ({error.strerror}): "
            "choose another --port, or 0 for a free one"
        ) from None
    tornado = BokehTornado(
        {"/": Application(FunctionHandler(build))},
        extra_websocket_origins=place.origins(port),
        auth_provider=TokenAuth(place.token),
        session_token_expiration=SESSION_S,
        include_headers=[],
        include_cookies=[],
    )
    http = HTTPServer(tornado)
    http.add_sockets(sockets)
    return BaseServer(IOLoop.current(), tornado, http)


class TokenAuth(AuthProvider):
    """Lets in who shows the token, in the address or in the cookie that it became.

    Who does not is answered before a page is made, or a connection taken.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        super().__init__()

    @property
    def get_user_async(self) -> Callable[[Any], Awaitable[Any]]:
        """Who asks; nobody is refused on the way."""
        return self._user

    @property
    def login_url(self) -> str:
        """Where nobody ever is sent."""
        return "/"

    async def _user(self, handler: RequestHandler) -> str | None:
        token = self._token
        if token is None or is_token(handler.get_cookie(COOKIE) or "", token):
            return USER
        if is_token(handler.get_query_argument("token", ""), token):
            handler.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
            return USER
        handler.set_status(403)
        handler.set_header("Content-Type", "text/plain; charset=utf-8")
        handler.finish(REFUSAL)
        return None


def is_token(came: str, token: str) -> bool:
    """Whether it is the token, in a time that says nothing about where it differs."""
    return hmac.compare_digest(came.encode(), token.encode())
