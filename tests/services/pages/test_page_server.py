"""Who gets to see a page: by its address, by its token, by where a page comes from."""

import asyncio
import http.client
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_services.pages.place import Place, read_token
from eprop_rt_services.pages.server import serve_page

TOKEN = "0123456789abcdef0123"


@pytest.fixture
def page(tmp_path):
    """A page with a token, that follows nobody."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "eprop_rt_services", "monitor", "--no-browser"),
            *("--daemon", f"none=ipc://{tmp_path}/views,ipc://{tmp_path}/control"),
            *("--port", "0", "--token-file", str(file)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield re.search(r"http://\S+", process.stdout.readline()).group()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def got(url, jar=None):
    """Status and text of a page."""
    handler = urllib.request.HTTPCookieProcessor(jar if jar is not None else CookieJar())
    try:
        with urllib.request.build_opener(handler).open(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def upgraded(url, origin, cookie):
    """The status of a websocket's handshake."""
    host = url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(host, timeout=20)
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "bokeh, nobody",
        "Origin": origin,
        "Cookie": cookie,
    }
    connection.request("GET", "/ws", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.live
def test_a_page_with_a_token_is_shown_to_who_has_it_and_remembered_by_a_cookie(page):
    bare, jar = page.partition("?")[0], CookieJar()
    status, text = got(bare)
    assert status == 403
    assert text.count("\n") == 1
    assert got(f"{bare}?token=0123456789abcdef0124")[0] == 403
    status, text = got(page, jar)
    assert status == 200
    assert "Bokeh" in text
    assert got(bare, jar)[0] == 200
    assert TOKEN not in text


@pytest.mark.live
def test_a_connection_needs_the_token_and_the_page_of_this_server(page):
    bare = page.partition("?")[0]
    cookie = f"eprop-rt-page={TOKEN}"
    assert upgraded(bare, bare.rstrip("/"), cookie) == 101
    assert upgraded(bare, "http://elsewhere.example", cookie) == 403
    assert upgraded(bare, bare.rstrip("/"), "eprop-rt-page=wrong") == 403
    assert upgraded(bare, bare.rstrip("/"), "") == 403


@pytest.mark.live
def test_a_page_that_ends_leaves_signals_as_they_were():
    def mine(*_):
        """Whatever the caller does then."""

    signals = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.signal(each, mine) for each in signals]
    try:
        serve_page(lambda _: None, Place(), lambda _: signal.raise_signal(signal.SIGTERM))
        assert [signal.getsignal(each) for each in signals] == [mine, mine, mine]
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


@pytest.mark.live
def test_what_the_end_of_a_page_cuts_off_is_not_told(caplog):
    async def drawing():
        await asyncio.sleep(0.1)  # longer than its period: Bokeh then waits for it alone
        signal.raise_signal(signal.SIGTERM)
        await asyncio.Event().wait()

    def visited(url):
        visitor = threading.Thread(target=got, args=[url])
        visitors.append(visitor)
        visitor.start()

    visitors = []
    serve_page(lambda page: page.add_periodic_callback(drawing, 10), Place(), visited)
    visitors[0].join()
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "lab.example"])
def test_a_page_for_other_machines_without_a_token_is_refused_in_one_line(address):
    with pytest.raises(ConfigError, match="--token-file") as refused:
        Place(address).check()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_page_for_this_machine_needs_no_token(address):
    Place(address).check()


def test_a_token_that_could_be_guessed_is_refused():
    with pytest.raises(ConfigError, match="16 or more"):
        Place(token="secret").check()


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (TOKEN, 0o644, "chmod 600"),
        ("two words\n", 0o600, "letters and digits"),
        (None, 0, "No such"),
    ],
)
def test_a_token_that_is_none_or_lies_open_is_refused(tmp_path, content, mode, says):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(ConfigError, match=says):
        read_token(file)


def test_connections_are_taken_from_pages_of_this_server_only():
    assert Place("127.0.0.1").origins(81) == ["localhost:81", "127.0.0.1:81", "[::1]:81"]
    assert "lab.example:81" in Place("0.0.0.0", token=TOKEN, hosts=("lab.example",)).origins(81)
    assert "192.0.2.1:81" in Place("192.0.2.1", token=TOKEN).origins(81)
