"""Writing a journal beside the loop: what it promises of a disk that refuses, and of itself."""

import os
import threading
import time

import numpy as np
import pytest

from eprop_rt.errors import ConfigError
from eprop_rt.orders import Freeze
from eprop_rt.series import Chunk
from eprop_rt_services.checkpoint import digest
from eprop_rt_services.journal import writer as writing
from eprop_rt_services.journal.events import Noted, Ordered
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.journal.reproduce import Reproduction
from journal_material import CHANNELS, RATE_HZ, Session
from small_disk import files_no_larger

PATIENCE_S = 20.0


@pytest.fixture
def begun(tmp_path):
    """Makes sessions whose journal has a first segment on the disk."""
    made = []

    def begin(**settings):
        session = Session(tmp_path / "s", **settings)
        made.append(session.journal)
        session.begin()
        return session

    (tmp_path / "s").mkdir()
    yield begin
    for journal in made:
        journal.close()


def until(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def written(journal):
    """Wait until all that was handed over is on the disk."""
    since_s = time.monotonic()
    until(lambda: time.monotonic() - journal.age_s > since_s)


def notes(session, count, text="n" * 100):
    for number in range(count):
        session.journal.tell(Noted(text=f"{number} {text}"))


def notes_kept(session):
    return sum(
        isinstance(entry, Noted) for path in session.folder.segments() for entry in entries(path)
    )


def go_on_from_a_checkpoint(session):
    """As the daemon does after a hole: another segment, another data path, the same weights."""
    path, arrays = session.checkpoint()
    session.begin("checkpoint", arrays, path.name, digest(arrays))


def identical(session):
    results = list(Reproduction(session.folder.segments()).run())
    assert [result.identical for result in results] == [True] * len(results)
    return results


def test_samples_that_came_one_after_the_other_are_written_at_once_and_in_their_place(begun):
    session = begun(flush_s=5.0)
    stamps = 100.0 + np.arange(40) / RATE_HZ
    counts = session.random.poisson(2, (40, CHANNELS)).astype(np.float32)
    for at in range(40):
        if at in (10, 25):
            session.journal.tell(Ordered(decoded=at, finished=at, by="test", order=Freeze()))
        session.journal.signal(Chunk(stamps[at : at + 1], counts[at : at + 1]))
    session.journal.close()
    found = list(entries(session.journal.path))[1:]
    kinds = ["Chunk", "Ordered", "Chunk", "Ordered", "Chunk"]
    assert [type(one).__name__ for one in found] == kinds
    chunks = found[::2]
    assert [len(one.stamps) for one in chunks] == [10, 15, 15]
    assert np.array_equal(np.concatenate([one.stamps for one in chunks]), stamps)
    assert np.array_equal(np.concatenate([one.samples for one in chunks]), counts)


def test_what_a_disk_refuses_for_a_while_waits_in_memory_and_nothing_is_lost(begun):
    session = begun()
    session.feed(10)
    written(session.journal)
    size = session.journal.path.stat().st_size
    with files_no_larger(size + 100):  # in the midst of what is written next
        session.feed(10)
        until(lambda: session.journal.events["journal_refused"])
        until(lambda: session.journal.age_s > 0.1)  # many more tries
        assert session.journal.path.stat().st_size == size
        assert not session.journal.broken
    written(session.journal)
    session.feed(10)
    session.end()
    (result,) = identical(session)
    assert result.commands == session.pipeline.decoded
    assert session.journal.events == {"journal_refused": 1}


def test_beyond_its_backlog_a_segment_is_given_up_and_every_entry_is_accounted_for(begun):
    session = begun(backlog_mb=0.2)
    session.feed(10)
    notes(session, 50)
    written(session.journal)
    lost = 2  # what is said of the checkpoint that the second segment begins with
    with files_no_larger(session.journal.path.stat().st_size):
        while not session.journal.broken:
            notes(session, 50)
            lost += 50
            time.sleep(0.02)
        notes(session, 50)
        lost += 50
    assert session.journal.events["journal_refused"] == 1
    go_on_from_a_checkpoint(session)
    session.feed(10)
    notes(session, 50)
    session.end()
    assert [result.origin for result in identical(session)] == ["zero", "checkpoint"]
    assert notes_kept(session) == 100
    assert session.journal.events == {
        "journal_refused": 1,
        "journal_given_up": 1,
        "journal_entries_lost": lost,
    }


def test_what_waits_for_a_disk_that_does_not_answer_is_bounded_too(begun):
    session = begun(backlog_mb=0.1)
    session.feed(10)
    written(session.journal)
    answers = threading.Event()
    session.journal.beside(answers.wait)
    notes(session, 1000)  # some half of them fit into the backlog
    assert session.journal.broken
    answers.set()
    until(lambda: session.journal.events["journal_entries_lost"])
    go_on_from_a_checkpoint(session)
    session.feed(10)
    session.end()
    identical(session)
    kept = notes_kept(session)
    assert 400 < kept < 600
    assert session.journal.events == {"journal_entries_lost": 1000 + 2 - kept}


def test_the_disk_is_waited_for_every_sync_s_and_may_refuse_that_as_well(begun, monkeypatch):
    """Whether data are on a disk itself cannot be seen from outside: the edge is watched."""
    asked, sync = [], os.fdatasync

    def watched(descriptor):
        asked.append(time.monotonic())
        if len(asked) == 2:
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", watched)
    session = begun(sync_s=0.8, flush_s=0.01)
    session.feed(10)
    until(lambda: len(asked) >= 3)
    session.end()
    first_s, again_s = np.diff(asked)[:2]
    assert again_s < 0.75 < first_s  # after a refusal soon again
    assert session.journal.events == {"journal_refused": 1}
    identical(session)


def test_an_entry_that_cannot_be_written_ends_the_segment_and_not_the_thread(begun, caplog):
    session = begun()
    session.feed(10)
    written(session.journal)
    session.journal.signal(Chunk(np.array([1.0]), np.ones((1, CHANNELS + 1), np.float32)))
    notes(session, 10)
    until(lambda: session.journal.broken)
    assert session.journal.events["journal_failed"] == 1
    assert session.journal.events["journal_given_up"] == 1
    assert "DataError" in caplog.text
    go_on_from_a_checkpoint(session)
    session.feed(10)
    session.end()
    assert [result.origin for result in identical(session)] == ["zero", "checkpoint"]
    lost = session.journal.events["journal_entries_lost"]
    assert notes_kept(session) + lost == 10 + 1 + 2


def test_a_segment_that_is_begun_waits_for_the_disk_and_nobody_else_does(begun):
    session = begun()
    session.feed(10)
    written(session.journal)
    away = session.folder.path.rename(session.folder.path.with_name("away"))
    session.begin("before")
    session.feed(10)
    until(lambda: session.journal.events["journal_refused"])
    assert not session.journal.broken
    away.rename(session.folder.path)
    written(session.journal)
    session.end()
    assert [result.origin for result in identical(session)] == ["zero", "before"]
    assert session.journal.events == {"journal_refused": 1}


def test_nothing_goes_on_after_a_hole(begun):
    session = begun()
    session.feed(10)
    written(session.journal)
    with files_no_larger(session.journal.path.stat().st_size):
        session.feed(10)
        session.begin("before")
        until(lambda: session.journal.broken)
    go_on_from_a_checkpoint(session)
    session.feed(10)
    session.end()
    assert [result.origin for result in identical(session)] == ["zero", "checkpoint"]
    assert session.journal.events["journal_entries_lost"] > 10


def test_a_first_segment_that_cannot_be_made_is_a_line(tmp_path):
    session = Session(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"cannot begin the journal .*journal-0001.xdf"):
        session.begin()


def test_errands_are_run_beside_the_loop_the_newest_of_those_that_wait(begun):
    session = begun(flush_s=60.0)
    done, gate = [], threading.Event()
    session.journal.beside(lambda: gate.wait(PATIENCE_S))
    until(lambda: not session.journal._errands)
    for number in range(5):
        session.journal.beside(lambda number=number: done.append(number))
    session.journal.beside(lambda: done.append("failed") or 1 / 0)
    gate.set()
    until(lambda: session.journal.events["journal_failed"])
    session.journal.beside(lambda: done.append("last"))
    session.journal.close()
    assert done == ["failed", "last"]
    assert not session.journal.broken


def test_a_stop_does_not_wait_for_a_disk_that_does_not_answer(begun, monkeypatch, caplog):
    monkeypatch.setattr(writing, "LEAVE_S", 0.1)
    session = begun()
    answers = threading.Event()
    session.journal.beside(answers.wait)
    session.journal.close()
    assert "did not take the end of the journal within 0.1 s" in caplog.text
    assert session.journal.events == {"journal_not_ended": 1}
    answers.set()
    session.journal._thread.join(PATIENCE_S)


def test_names_go_on_after_everything_that_is_there(tmp_path):
    session = Session(tmp_path)
    assert session.names.segment().name == "journal-0001.xdf"
    for name in ("journal-0003.xdf", "checkpoint-0003-0004.npz", "checkpoint-0012-0007.npz", "x"):
        (tmp_path / name).touch()
    names = Session(tmp_path).names
    told = [names.segment(), names.checkpoint(), names.checkpoint(), names.segment()]
    told.append(names.checkpoint())
    assert [path.name for path in told] == [
        "journal-0013.xdf",
        "checkpoint-0013-0001.npz",
        "checkpoint-0013-0002.npz",
        "journal-0014.xdf",
        "checkpoint-0014-0001.npz",
    ]
