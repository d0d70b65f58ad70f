"""Writing a journal beside the loop: what it promises of a disk that refuses, and of itself."""

import numpy as np

from eprop_rt.orders import Freeze
from eprop_rt.series import Chunk
from eprop_rt_services.journal.events import Ordered
from eprop_rt_services.journal.reader import entries
from journal_material import CHANNELS, RATE_HZ, Session


def test_samples_that_came_one_after_the_other_are_written_at_once_and_in_their_place(tmp_path):
    session = Session(tmp_path, flush_s=5.0)
    session.begin()
    stamps = 100.0 + np.arange(40) / RATE_HZ
    counts = session.random.poisson(2, (40, CHANNELS)).astype(np.float32)
    for at in range(40):
        if at in (10, 25):
            session.journal.tell(Ordered(decoded=at, finished=at, by="test", order=Freeze()))
        session.journal.signal(Chunk(stamps[at : at + 1], counts[at : at + 1]))
    session.journal.close()
    found = list(entries(session.journal.path))[1:]
    assert [type(one).__name__ for one in found] == [
        "Chunk",
        "Ordered",
        "Chunk",
        "Ordered",
        "Chunk",
    ]
    chunks = found[::2]
    assert [len(one.stamps) for one in chunks] == [10, 15, 15]
    assert np.array_equal(np.concatenate([one.stamps for one in chunks]), stamps)
    assert np.array_equal(np.concatenate([one.samples for one in chunks]), counts)
