"""What views cost the loop of a daemon, a bin and a view: with nobody there, and with a reader.

96 inputs, 256 neurons, bins of 10 ms, ten bins a view; run it on an idle core.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from eprop_rt.bins.binner import Bin
from eprop_rt.decoder import build_decoder
from eprop_rt.pipeline import Output
from eprop_rt_services.config import load_config
from eprop_rt_services.daemon.publishing import Publishing
from eprop_rt_services.daemon.viewing import EVERY_S, WEIGHTS_EVERY_S, Viewing
from eprop_rt_services.zmq_link import FrameReader

INPUTS, OUTPUTS, BINS_A_VIEW, ROUNDS = 96, 2, 10, 500
SETTINGS = "decoder.network.neurons=256", "bins.bin_s=0.01"


def microseconds(call: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> str:
    """Of a call, in percentiles."""
    took = []
    for _ in range(ROUNDS):
        before()
        begun_s = time.perf_counter()
        call()
        took.append(1e6 * (time.perf_counter() - begun_s))
    return f"p50 {np.median(took):6.2f} us, p99 {np.quantile(took, 0.99):6.2f} us"


def main() -> None:
    """Four lines."""
    with tempfile.TemporaryDirectory() as folder:
        views = f"ipc://{Path(folder)}/views"
        places = f"publish.endpoint=ipc://{folder}/commands", f"publish.visual_endpoint={views}"
        config = load_config("preset:demo", (*SETTINGS, *places))
        decoder = build_decoder(config.decoder, INPUTS, OUTPUTS, config.bins.bin_s)
        values = np.ones(INPUTS, np.float32)
        decoder.predict_one(values)
        label = np.zeros(OUTPUTS, np.float32)
        pipeline = SimpleNamespace(decoder=decoder, label=label, learning=True)
        path: Any = SimpleNamespace(pipeline=pipeline, finished=None)
        session: Any = SimpleNamespace(config=config, outputs=OUTPUTS, channels=INPUTS)
        source: Any = SimpleNamespace(age_s=0.01)
        closed, output = Bin(1, 1.0, 1.0, values), Output(1, 1.0, 1.0, np.zeros(2), learning=True)
        with Publishing(config) as publishing:
            viewing = Viewing(session, path, publishing, source)
            now_s = 0.0

            def note() -> None:
                viewing.note(closed, output)

            def ten() -> None:
                for _ in range(BINS_A_VIEW):
                    note()

            def look(later_s: float) -> Callable[[], None]:
                def at_its_time() -> None:
                    nonlocal now_s
                    now_s += later_s
                    viewing.look(now_s)

                return at_its_time

            print(f"a bin, nobody looks            {microseconds(note)}")
            with FrameReader(views, "view"):
                while not publishing.viewed:
                    publishing.greet()
                    time.sleep(0.01)
                print(f"a bin, somebody looks          {microseconds(note)}")
                look(10.0)()
                shares = microseconds(look(1.01 * EVERY_S), ten)
                print(f"a view, ten a second           {shares}")
                print(f"the one with weights           {microseconds(look(WEIGHTS_EVERY_S), ten)}")


if __name__ == "__main__":
    main()
