"""What a daemon shows of itself, to whom, and what does not change for it."""

import numpy as np
import pytest

from daemon_rig import CHANNELS, Rig
from eprop_rt.config import EpropSettings, RlsSettings, ZeroSettings
from eprop_rt.decoder import build_decoder
from eprop_rt_protocols.view import decode_view
from eprop_rt_services.daemon.weights import WeightsSeen
from eprop_rt_services.zmq_link import CommandPublisher, FrameReader
from wire_material import ANY_PORT, until


@pytest.mark.live
def test_views_of_a_daemon_hold_every_bin_once_and_come_while_somebody_subscribes(tmp_path):
    views = f"ipc://{tmp_path}/views"
    rig = Rig(tmp_path, overrides={"publish.visual_endpoint": views}.items())
    try:
        rig.wait_until_ready()
        with FrameReader(views, "view") as reader:
            came = []
            for _ in range(600):
                rig.feed(0.05)
                while (frames := reader.take(0.0)) is not None:
                    came.append(decode_view(frames))
                if sum(one.header.bins for one in came) > 100 and any(o.header.norms for o in came):
                    break
        bins = np.concatenate([v.header.first + np.arange(v.header.bins) for v in came])
        assert len(bins) > 100
        assert (np.diff(bins) > 0).all()
        newest = came[-1]
        assert newest.header.pid == rig.ask("status").status.pid
        assert newest.decoded.shape == newest.labels.shape == (newest.header.bins, 2)
        assert newest.inputs.shape[1] == CHANNELS
        assert newest.spikes.shape[1] == 16
        labels = np.concatenate([v.labels for v in came])
        assert np.isfinite(labels).any()
        assert any(v.spikes.any() for v in came)
        assert any(v.header.norms and v.header.norms["input"] > 0 and len(v.weights) for v in came)
        stamps = np.array([v.header.stamp_s for v in came])
        assert len(stamps) <= 10.5 * (stamps[-1] - stamps[0]) + 2
    finally:
        rig.close()


@pytest.mark.live
def test_a_publisher_knows_whether_somebody_looks_at_views():
    with CommandPublisher(ANY_PORT, "decoded", ANY_PORT) as publisher:

        def viewed():
            publisher.greet()
            return publisher.viewed

        assert not viewed()
        with FrameReader(publisher.visual_endpoint, "decoded"):
            with FrameReader(publisher.visual_endpoint, "view") as reader:
                assert until(viewed)
                publisher.show([b"view", b"something"])
                assert reader.take(10.0) == [b"view", b"something"]
            assert until(lambda: not viewed())


@pytest.mark.live
def test_a_publisher_without_a_socket_for_views_has_nobody_who_looks():
    with (
        CommandPublisher(ANY_PORT, "decoded") as publisher,
        FrameReader(publisher.endpoint, "view"),
    ):
        publisher.greet()
        assert not publisher.viewed
        publisher.show([b"view"])


def test_norms_of_weights_are_those_of_the_groups_and_looking_changes_nothing():
    settings = EpropSettings(network={"neurons": 8, "tau_groups": 2})
    engine = build_decoder(settings, 4, 2, 0.02)
    engine.predict_one(np.ones(4, np.float32))
    engine.learn_one(np.ones(2, np.float32))
    before = engine.snapshot()
    norms, sample = WeightsSeen(engine, 4).look()
    after = engine.snapshot()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[key], after[key], equal_nan=True) for key in before)
    w = before["weights.w"]
    assert norms["input"] == pytest.approx(np.linalg.norm(w[:4]), rel=1e-5)
    assert norms["recurrent"] == pytest.approx(np.linalg.norm(w[4:-1]), rel=1e-5)
    assert norms["readout"] == pytest.approx(np.linalg.norm(before["weights.w_out"]), rel=1e-5)
    assert set(sample.tolist()) <= set(w.ravel().astype(np.float32).tolist())


def test_a_decoder_that_learned_shows_the_norm_of_its_weights():
    decoder = build_decoder(RlsSettings(), 3, 2, 0.02)
    for label in (1.0, -1.0, 0.5):
        decoder.predict_one(np.full(3, label, np.float32))
        decoder.learn_one(np.full(2, label, np.float32))
    assert WeightsSeen(decoder, 3).look()[0]["weights"] > 0


def test_a_decoder_without_weights_shows_none():
    assert WeightsSeen(build_decoder(ZeroSettings(), 3, 2, 0.02), 3).look()[0] == {}
