"""What nobody should send, against a running daemon: it goes on, and learns nothing from it."""

import json
import math
import random
import time
from pathlib import Path

import numpy as np
import pytest

from eprop_rt.series import StreamInfo
from eprop_rt_protocols.control import LabelRows
from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from malformed import malformed
from soak.lab import ELSE, START_S, Lab, wait_for
from wire_material import dealer

pytestmark = pytest.mark.live

MESSAGES = 10_000
REFUSED = ("malformed", "wrong_version", "oversized")
LEARNED_FROM_LABELS = ("weights", "readout", "target_scale")
PATIENCE_S = 60.0
LEARNED = ("weights", "readout", "target_scale", "rehearsal", "online")


@pytest.fixture
def lab(tmp_path):
    made = []

    def make(before=lambda lab: None, **options):
        lab = Lab(tmp_path, tmp_path / "journal", {"checkpoint.every_s": 3600}, **options)
        made.append(lab)
        before(lab)
        lab.start_sender()
        lab.start_daemon()
        lab.status(START_S)
        wait_for(lambda: lab.status().bins > 50, "no bin was decoded")
        return lab

    yield make
    for one in made:
        one.close()


def learned(lab, names=LEARNED):
    """The weights, and all else that is learned, as a checkpoint holds them now."""
    file = lab.ask("checkpoint").status.checkpoint.file
    arrays = read_checkpoint(Path(file)).arrays
    kept = {name: a for name, a in arrays.items() if name.startswith(names)}
    assert kept
    return kept


def assert_same(after, before):
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert changed == []


def refused_since(lab, before):
    now = lab.status().events
    return sum(now.get(name, 0) - before.events.get(name, 0) for name in REFUSED)


def test_ten_thousand_malformed_messages_change_no_weight_of_a_frozen_daemon(lab):
    live = lab()
    assert live.ask("freeze").status.learning == "frozen"
    before, known = live.status(), learned(live)
    with dealer(live.control) as hostile:
        for frames in malformed(MESSAGES, seed=3):
            hostile.send_multipart(frames)
        wait_for(lambda: refused_since(live, before) == MESSAGES, "not all were counted")
    assert_goes_on(live, before)
    assert_same(learned(live), known)


def test_ten_thousand_malformed_messages_change_no_weight_of_a_daemon_without_labels(lab):
    live = lab(labels=False)
    before, known = live.status(), learned(live, "weights")
    with dealer(live.control) as hostile:
        for frames in malformed(MESSAGES, seed=4):
            hostile.send_multipart(frames)
        wait_for(lambda: refused_since(live, before) == MESSAGES, "not all were counted")
    assert_goes_on(live, before)
    assert_same(learned(live, "weights"), known)


def test_labels_of_garbage_that_are_sound_messages_stop_nothing_and_teach_nothing(lab):
    live = lab(labels=False)
    before, known = live.status(), learned(live, "weights")
    draw, answered = random.Random(5), 0
    with dealer(live.control) as hostile:
        for _ in range(500):
            hostile.send(garbage(draw))
            if hostile.poll(20_000):
                answered += json.loads(hostile.recv_multipart()[-1])["version"] == 2
    assert answered == 500
    assert_goes_on(live, before)
    assert live.status().events["label_stamp_not_finite"] > 0
    assert live.status().events["label_too_early"] > 0
    assert_same(learned(live, "weights"), known)

    # So that it can be told: labels of its own past do teach it.
    stamps = np.arange(local_clock() - 2.0, local_clock() - 0.5, 0.02)
    rows = tuple((math.sin(at), math.cos(at)) for at in stamps)
    live.ask("relabel", labels=LabelRows(stamps_s=tuple(stamps.tolist()), rows=rows))

    def moved():
        after = learned(live, "weights")
        return any(not np.array_equal(known[name], after[name]) for name in known)

    wait_for(moved, "labels that fit taught it nothing")


class Labels:
    """An outlet of labels, sound or not."""

    def __init__(self, source_id, channels=2):
        info = StreamInfo("velocity", channels, 200.0)
        self.outlet = LslOutlet(info, "Labels", source_id)
        self.draw = np.random.default_rng(6)
        self.off_clock = self.no_numbers = 0

    def sound(self, samples=4):
        stamps = local_clock() + np.arange(samples) / 200.0
        self.outlet.push(stamps, np.sin(stamps[:, None] * [3.0, 4.0]).astype(np.float32))

    def malformed(self, samples=100):
        """Half of them are no numbers, of now; half are numbers of a time that is not now."""
        draw = self.draw
        stamps = local_clock() - draw.uniform(0.0, 0.5, samples)
        values = draw.choice([np.nan, np.inf, -np.inf, 1e30, -1e30], (samples, 2))
        away = draw.random(samples) < 0.5
        far_s = 10.0 ** draw.uniform(1.5, 9.0, samples) * draw.choice([1, -1], samples)
        far_s[draw.random(samples) < 0.1] = draw.choice([np.nan, np.inf, -np.inf])
        stamps[away] += far_s[away]
        values[away] = draw.uniform(-1.0, 1.0, (away.sum(), 2))
        self.outlet.push(stamps, values.astype(np.float32))
        self.off_clock += int((away & np.isfinite(stamps)).sum())
        self.no_numbers += int((~away).sum())


def test_five_thousand_malformed_labels_over_a_stream_stop_nothing_and_teach_nothing(lab):
    made = []
    live = lab(before=lambda live: made.append(Labels(live.labels_id)), labels=ELSE)
    (labels,) = made
    assert labels.outlet.wait_for_reader(PATIENCE_S)
    beside = Labels(live.labels_id, channels=3)  # nobody asked for it
    before, known = live.status(), learned(live, LEARNED_FROM_LABELS)
    for _ in range(50):
        labels.malformed()
        beside.outlet.push(np.array([local_clock()]), np.ones((1, 3), np.float32))
        time.sleep(0.02)

    def counted():
        events = live.status().events
        off_clock = events.get("labels_stamp_off_clock", 0)
        return off_clock == labels.off_clock and events.get("label_not_finite", 0)

    wait_for(counted, "not all were counted")
    assert_goes_on(live, before)
    seen = live.status()
    assert seen.events["guard_clip_label"] > 1000
    assert seen.events["label_stamp_not_finite"] > 100
    assert "labels_clock_step" not in seen.events
    assert seen.updates > before.updates
    assert_same(learned(live, LEARNED_FROM_LABELS), known)

    labels.outlet.close()  # what stands in its place has another shape
    wait_for(lambda: live.status().events.get("labels_changed"), "it was not told")
    assert_same(learned(live, LEARNED_FROM_LABELS), known)
    beside.outlet.close()
    labels = Labels(live.labels_id)

    def moved():
        labels.sound()
        after = learned(live, "weights")
        return any(not np.array_equal(known[name], after[name]) for name in after)

    wait_for(moved, "sound labels taught it nothing")
    assert live.status().events["labels_back"] == 1
    assert_goes_on(live, before)


def garbage(draw):
    """A relabel whose stamps are no time of this session, or whose rows do not fit."""
    now_s = local_clock()
    far = (1e308, -1e308, 1e13, -1e13, now_s + 1e7, now_s - 1e7, 0.0, -1.0, 1e-308)
    rows = draw.randint(1, 50)
    width = draw.choice((2, 2, 2, 1, 3))
    values = [[draw.choice((1e308, -1e308, 1e30, 0.5)) for _ in range(width)] for _ in range(rows)]
    message = {"version": 2, "request_id": "a", "verb": "relabel"}
    if draw.random() < 0.3:
        from_s = draw.choice((1e15, -1e15, now_s + 1e7, -1e6))
        arguments = {"span": {"from_s": from_s, "to_s": from_s + 8.0, "values": values[0]}}
    elif width != 2:
        arguments = {"labels": {"stamps_s": [now_s - 1.0] * rows, "rows": values}}
    else:
        stamps = [draw.choice(far) for _ in range(rows)]
        arguments = {"labels": {"stamps_s": stamps, "rows": values}}
    text = json.dumps(message | arguments)
    if draw.random() < 0.1:
        text = text.replace("0.5", draw.choice(("NaN", "Infinity", "1e999", "null")), 1)
    return text.encode()


def assert_goes_on(live, before):
    at = live.status()
    assert (at.pid, at.state) == (before.pid, "running")
    wait_for(lambda: live.status().bins > at.bins + 25, "the loop does not go on")
    seen = live.status()
    assert not live.reader.outside
    assert len(live.reader.came) > 50
    assert seen.bins > before.bins
