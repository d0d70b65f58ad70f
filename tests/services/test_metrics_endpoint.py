"""Scraped over a real socket as Prometheus would, and read by the parser of its client."""

import socket
import threading
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as plain_text
from pydantic import ValidationError

from eprop_rt.errors import ConfigError
from eprop_rt_protocols.status import GuardStatus, JournalStatus
from eprop_rt_services.latency import Marks, StageLatencies
from eprop_rt_services.metrics import Observed, latency_table
from eprop_rt_services.metrics_endpoint import MetricsEndpoint
from eprop_rt_services.metrics_settings import MetricsSettings
from status_material import FULL_STATUS

pytestmark = pytest.mark.live

ANY_PORT = MetricsSettings(endpoint="127.0.0.1:0")
GENEROUS_S = 60.0


TOLD = {
    "state": "running",
    "learning": "frozen",
    "decoder": "eprop",
    "model_id": "0123",
    "program_version": "0.1.0",
    "uptime_s": 12.5,
    "data_age_s": None,
    "journal": None,
}


def daemon(latencies=None, **more):
    return Observed(FULL_STATUS.model_copy(update=TOLD | more), latencies or {})


def scrape(endpoint, accept="text/plain"):
    request = urllib.request.Request(endpoint.address, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=GENEROUS_S) as answer:
        assert answer.status == 200
        return answer.read().decode()


class Loop:
    """A thread that answers between two bins, as the daemon's loop does."""

    def __init__(self, endpoint, look):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(endpoint, look))

    def _run(self, endpoint, look):
        while not self._over.wait(0.005):
            endpoint.answer(look)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def scraped(observed, parse=plain_text, accept="text/plain"):
    with MetricsEndpoint(ANY_PORT, daemon()) as endpoint, Loop(endpoint, lambda: observed):
        return {family.name: family for family in parse(scrape(endpoint, accept))}


def value(families, name, **labels):
    found = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, found)
    return found[0]


FULL = {
    "bins": 1000,
    "missed_bins": 3,
    "published": 999,
    "updates": 800,
    "events": {"gap": 2, 'odd "name"\n': 1},
    "guard": GuardStatus(rung="skip", cause="loss", counters={}),
    "data_age_s": 0.25,
    "journal": JournalStatus(file="day.xdf", written_bytes=123456, age_s=0.5, lost_entries=4),
}


@pytest.mark.parametrize(
    ("parse", "accept"),
    [(plain_text, "text/plain"), (open_metrics, "application/openmetrics-text; version=1.0.0")],
)
def test_everything_observed_is_scraped_with_its_unit(parse, accept):
    families = scraped(daemon(**FULL), parse, accept)
    assert value(families, "eprop_rt_bins_total") == 1000
    assert value(families, "eprop_rt_missed_bins_total") == 3
    assert value(families, "eprop_rt_published_commands_total") == 999
    assert value(families, "eprop_rt_updates_total") == 800
    assert value(families, "eprop_rt_events_total", event="gap") == 2
    assert value(families, "eprop_rt_events_total", event='odd "name"\n') == 1
    assert value(families, "eprop_rt_guard_rung") == 2
    assert value(families, "eprop_rt_data_age_seconds") == 0.25
    assert value(families, "eprop_rt_journal_bytes_total") == 123456
    assert value(families, "eprop_rt_journal_age_seconds") == 0.5
    assert value(families, "eprop_rt_journal_lost_entries_total") == 4
    assert value(families, "eprop_rt_uptime_seconds") == 12.5
    assert value(families, "eprop_rt_info", decoder="eprop", model="0123", version="0.1.0") == 1
    assert value(families, "process_resident_memory_bytes") > 0


def test_exactly_one_state_holds():
    families = scraped(daemon())
    assert value(families, "eprop_rt_learning", eprop_rt_learning="frozen") == 1
    assert value(families, "eprop_rt_learning", eprop_rt_learning="on") == 0
    for name in ("eprop_rt_state", "eprop_rt_learning"):
        assert sum(sample.value for sample in families[name].samples) == 1


def test_what_is_not_known_is_absent_and_not_zero():
    families = scraped(daemon())
    for name in ("eprop_rt_data_age_seconds", "eprop_rt_journal_age_seconds"):
        assert name not in families
    assert "eprop_rt_journal_bytes" not in families


def test_latencies_are_cumulative_histograms_by_stage_with_learning_on_and_off():
    stages = StageLatencies()
    for total_s in (0.0015, 0.004, 0.3):
        stages.command(Marks(0.0, 0.001, 0.001, 0.001, total_s), learning=True)
    stages.command(Marks(0.0, 0.001, 0.001, 0.001, 0.006), learning=False)
    stages.learned(0.0003)
    families = scraped(daemon(latencies=latency_table(stages)))
    name = "eprop_rt_command_latency_seconds"
    for edge, count in (("0.001", 0), ("0.002", 1), ("0.005", 2), ("0.5", 3), ("+Inf", 3)):
        assert value(families, f"{name}_bucket", le=edge, learning="on") == count
    assert value(families, f"{name}_count", learning="off") == 1
    assert value(families, f"{name}_sum", learning="on") == pytest.approx(0.3055)
    assert value(families, "eprop_rt_learn_seconds_count", learning="on") == 1
    assert value(families, "eprop_rt_publish_seconds_count", learning="on") == 3
    buckets = [s.value for s in families[name].samples if s.labels.get("learning") == "on"][:17]
    assert buckets == sorted(buckets)


def test_each_scrape_is_answered_anew_by_the_loop():
    bins = iter(range(10, 1000))
    with (
        MetricsEndpoint(ANY_PORT, daemon()) as endpoint,
        Loop(endpoint, lambda: daemon(bins=next(bins))),
    ):
        first, second = (
            value({f.name: f for f in plain_text(scrape(endpoint))}, "eprop_rt_bins_total")
            for _ in range(2)
        )
    assert 10 <= first < second


def test_a_loop_that_does_not_answer_is_told_of_as_it_was_with_the_age_of_that():
    with MetricsEndpoint(ANY_PORT, daemon(state="starting", bins=7)) as endpoint:
        families = {family.name: family for family in plain_text(scrape(endpoint))}
    assert value(families, "eprop_rt_bins_total") == 7
    assert value(families, "eprop_rt_state", eprop_rt_state="starting") == 1
    assert value(families, "eprop_rt_status_age_seconds") > 0.4


def test_nobody_looks_at_the_daemon_unless_there_is_a_scrape():
    with MetricsEndpoint(ANY_PORT, daemon()) as endpoint:
        endpoint.answer(lambda: pytest.fail("nobody asked"))


def test_a_client_that_connects_and_says_nothing_holds_up_nobody_and_not_the_end():
    with MetricsEndpoint(ANY_PORT, daemon()) as endpoint:
        host, port = endpoint.address.removeprefix("http://").removesuffix("/metrics").split(":")
        with socket.create_connection((host, int(port))), Loop(endpoint, daemon):
            assert "eprop_rt_bins_total" in scrape(endpoint)


def test_without_an_endpoint_nothing_listens_and_no_thread_runs():
    before = threading.active_count()
    with MetricsEndpoint(MetricsSettings(), daemon()) as endpoint:
        assert endpoint.address is None
        assert threading.active_count() == before


def test_the_port_is_free_again_after_the_end():
    with MetricsEndpoint(ANY_PORT, daemon()) as endpoint:
        port = int(endpoint.address.rpartition(":")[2].removesuffix("/metrics"))
    again = MetricsSettings(endpoint=f"127.0.0.1:{port}")
    with MetricsEndpoint(again, daemon()) as endpoint:
        assert f":{port}/" in endpoint.address


def test_a_port_that_is_taken_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"127.0.0.1:{other.getsockname()[1]}"
        with (
            pytest.raises(ConfigError, match=f"cannot listen at {endpoint}.*another"),
            MetricsEndpoint(MetricsSettings(endpoint=endpoint), daemon()),
        ):
            pass


@pytest.mark.parametrize("wrong", ["9108", "localhost", ":9108", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_endpoint_that_is_none_is_refused_with_an_example(wrong):
    with pytest.raises(ValidationError, match=r"HOST:PORT such as 127\.0\.0\.1:9108"):
        MetricsSettings(endpoint=wrong)


def test_an_endpoint_of_ip_version_6_is_understood():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IP version 6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no loopback of IP version 6")
    with (
        MetricsEndpoint(MetricsSettings(endpoint="[::1]:0"), daemon()) as endpoint,
        Loop(endpoint, lambda: daemon(bins=5)),
    ):
        assert "eprop_rt_bins_total 5.0" in scrape(endpoint)


def test_several_scrapers_at_once_are_all_answered():
    looks = []
    with (
        MetricsEndpoint(ANY_PORT, daemon()) as endpoint,
        Loop(endpoint, lambda: looks.append(1) or daemon(**FULL)),
    ):
        scrapers = [threading.Thread(target=scrape, args=(endpoint,)) for _ in range(4)]
        for thread in scrapers:
            thread.start()
        for thread in scrapers:
            thread.join(GENEROUS_S)
            assert not thread.is_alive()
    assert 1 <= len(looks) <= 4
