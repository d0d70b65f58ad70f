"""The page as a child process, on a daemon that is not there."""

import pytest

from browser_rig import until
from eprop_rt_services.processes.page import NAME, TOLD, PageProcess


@pytest.mark.live
def test_its_address_is_found_among_whatever_else_it_says(tmp_path):
    with PageProcess(tmp_path) as page:
        page.start([f"none=ipc://{tmp_path}/views,ipc://{tmp_path}/control"])
        log = tmp_path / f"{NAME}.log"
        until(lambda: TOLD in log.read_text(), "the page is there")
        with log.open("a") as said:
            said.write("a warning about something else\n")
        address = page.address()
        assert address is not None
        assert address.startswith("http://127.0.0.1:")


@pytest.mark.live
def test_a_page_that_cannot_come_up_has_no_address(tmp_path):
    with PageProcess(tmp_path) as page:
        page.start(["no daemon"])
        assert page.address() is None
