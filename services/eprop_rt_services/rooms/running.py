"""Simulations side by side, each in a process, so that figures do not depend on how many run."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from eprop_rt.closed_loop.course import Course, Simulated
from eprop_rt.closed_loop.labels import waits_s
from eprop_rt.closed_loop.learner import Learner
from eprop_rt.closed_loop.refitted import Fitted, RefittedDecoder
from eprop_rt.config import DecoderSettings
from eprop_rt.decoder import OfflineDecoder, build_decoder
from eprop_rt.half_life import decoder_with_half_life
from eprop_rt_services.decoders import settled
from eprop_rt_services.replay.comparable import with_late_labels
from eprop_rt_services.rooms.config import RoomConfig

# One thread sums in one order.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Ran:
    """A decoder in one simulation, and what it took of a processor."""

    decoder: str
    simulation: int
    result: Simulated
    trials: int
    processor_s: float
    learned: int  # trials of these, and what they took
    learning_s: float


def run_simulations(config: RoomConfig, jobs: int, done: Callable[[Ran], None]) -> list[Ran]:
    """Every decoder in every simulation, in that order; `done` as each comes in."""
    tasks = [(name, number) for name in config.decoders for number in range(config.simulations)]
    workers = min(jobs, len(tasks))
    with (
        one_thread(),
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as executor,
    ):
        futures: dict[Future[Ran], int] = {
            executor.submit(run_one, config, name, number): at
            for at, (name, number) in enumerate(tasks)
        }
        results: dict[int, Ran] = {}
        waiting = set(futures)
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    results[futures[future]] = future.result()
                    done(results[futures[future]])
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[at] for at in range(len(tasks))]


def run_one(config: RoomConfig, name: str, number: int) -> Ran:
    """One decoder in one simulation; its seed, where it has one, goes with the simulation."""
    settings = config.decoders[name]
    if "seed" in type(settings).model_fields:
        settings = settings.model_copy(update={"seed": getattr(settings, "seed", 0) + number})

    def build(inputs: int, outputs: int, bin_s: float) -> Learner:
        return built(config, settings, inputs, outputs, bin_s)

    course = Course(config, build, config.seed, number, time.process_time)
    began = time.process_time()
    result = course.run(config.perturbations)
    took_s = time.process_time() - began
    return Ran(name, number, result, course.trials, took_s, course.learned, course.learning_s)


def built(
    config: RoomConfig, settings: DecoderSettings, inputs: int, outputs: int, bin_s: float
) -> Learner:
    """The decoder from zero weights; one that is fitted at once is fitted again and again.

    It waits as long as labels are late, and forgets as fast as it is told.
    """
    if config.half_life_s is not None:
        settings = decoder_with_half_life(settings, config.half_life_s, bin_s, inputs)
    if config.labels is not None:
        settings = with_late_labels(settings, waits_s(config.labels, bin_s))
    settings, _ = settled(settings, inputs, outputs, bin_s)
    decoder = build_decoder(settings, inputs, outputs, bin_s)
    if isinstance(decoder, OfflineDecoder):
        inside = cast(Fitted, decoder)
        return RefittedDecoder(config.refit, inside, inputs, outputs, bin_s)
    return decoder


@contextmanager
def one_thread() -> Iterator[None]:
    """Processes that start in here do their linear algebra in one thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
