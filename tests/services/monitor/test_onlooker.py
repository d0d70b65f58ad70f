"""Who looks at a page without drawing it: a real page, of a stand-in for a daemon."""

import asyncio
import http.server
import threading

import pytest

from eprop_rt.errors import StreamError
from eprop_rt_services.monitor.onlooker import look, messages
from monitor_rig import StandIn, monitor

pytestmark = pytest.mark.live

MANY = 50  # more than there are before anything is drawn


def test_an_onlooker_takes_what_the_page_of_a_daemon_sends_until_it_ends(tmp_path):
    daemon = StandIn(tmp_path, "left", "on")
    process, url = monitor("--daemon", daemon.daemon, "--port", "0")

    async def taken():
        count = 0
        async for _ in messages(url):
            count += 1
            if count == MANY:
                process.terminate()
        return count

    try:
        count = asyncio.run(taken())
        _, complaints = process.communicate()
    finally:
        process.kill()
        process.communicate()
        daemon.close()
    assert count >= MANY
    assert (process.returncode, complaints) == (0, "")


def test_something_else_than_a_page_is_told_in_one_line(tmp_path):
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            """Nobody reads it."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(StreamError, match="answered without a session"):
                asyncio.run(look(f"http://127.0.0.1:{server.server_port}/"))
        finally:
            server.shutdown()
            thread.join()
