"""`python -m eprop_rt_services.monitor.onlooker URL`: takes all that a page sends, draws nothing.

To a page and to the daemon behind it this is what a browser is.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from eprop_rt.errors import StreamError

SESSION = re.compile(rb'"token":"([^"]+)"')


async def messages(url: str) -> AsyncIterator[str | bytes]:
    """All that a page sends, until it ends; raises StreamError where it is none."""
    page = await AsyncHTTPClient().fetch(url)
    session = SESSION.search(page.body)
    if session is None:
        raise StreamError(f"{url} answered without a session: a page of ours is expected")
    address = f"{url.replace('http://', 'ws://', 1)}ws"
    request = HTTPRequest(address, headers={"Origin": url.rstrip("/")})
    protocols = ["bokeh", session.group(1).decode()]
    connection = await websocket_connect(request, subprotocols=protocols)
    try:
        while (message := await connection.read_message()) is not None:
            yield message
    finally:
        connection.close()


async def look(url: str) -> None:
    """Take all of it, and keep nothing."""
    async for _ in messages(url):
        pass


if __name__ == "__main__":
    asyncio.run(look(sys.argv[1]))
