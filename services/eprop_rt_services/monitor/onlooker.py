"""`python -m eprop_rt_services.monitor.onlooker URL`: takes all that a page sends, draws nothing.

To a page and to the daemon behind it this is what a browser is.
"""

import asyncio
import re
import sys

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from eprop_rt.errors import StreamError

SESSION = re.compile(rb'"token":"([^"]+)"')


async def look(url: str) -> None:
    """Look until the page ends; raises StreamError where it is none."""
    page = await AsyncHTTPClient().fetch(url)
    session = SESSION.search(page.body)
    if session is None:
        raise StreamError(f"{url} answered without a session: a page of ours is expected")
    address = f"{url.replace('http://', 'ws://', 1)}ws"
    request = HTTPRequest(address, headers={"Origin": url.rstrip("/")})
    protocols = ["bokeh", session.group(1).decode()]
    connection = await websocket_connect(request, subprotocols=protocols)
    while await connection.read_message() is not None:
        pass


if __name__ == "__main__":
    asyncio.run(look(sys.argv[1]))
