"""What senders, readers and peers do to a daemon: one function a fault."""

import time

import zmq

from eprop_rt.guard_settings import GuardSettings
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.zmq_link import CommandSubscriber
from malformed import malformed
from soak.checks import signal_since
from soak.lab import wait_for
from soak.rows import Row, demand, demand_done, demand_pace, flows, median, sound
from soak.sender import Faults


def sources_killed(lab, plan, draw):
    row = Row("source killed and restarted", f"{plan.sources} times", "")
    before, took = lab.status(), []
    for turn in range(plan.sources):
        time.sleep(draw.uniform(0.3, 1.5))
        lab.kill_sender()
        time.sleep(draw.uniform(0.0, 2.0))
        started_s, clock_s = lab.start_sender(turn), local_clock()
        took.append(lab.back_after_s(started_s, clock_s))
    row.seen = f"commands {median(took):.1f} s after the start of its process (median)"
    names = ("stream_lost", "stream_back", "labels_lost", "labels_back")
    demand(lab, row, dict.fromkeys(names, plan.sources), before)
    return sound(lab, row, before)


def consumer_stalled(lab, plan, draw):
    row = Row("consumer stalled", f"{plan.stall_s:g} s", "")
    before, came = lab.status(), len(lab.reader.came)
    with zmq.Context() as context, context.socket(zmq.SUB) as stalled:
        stalled.setsockopt(zmq.LINGER, 0)
        stalled.setsockopt(zmq.RCVHWM, 1)
        stalled.subscribe("decoded")
        stalled.connect(lab.commands)
        time.sleep(plan.stall_s)
        with CommandSubscriber(lab.commands, "decoded", now=local_clock) as fresh:
            wait_for(lambda: fresh.poll(0.0), "no fresh command came")
        read = len(lab.reader.came) - came
        after = lab.status()
        if not stalled.poll(0):
            row.missed.append("the stalled consumer had nothing waiting for it")
    told = demand_pace(row, plan.late, before, after)
    row.seen = f"{read} commands at another reader; {told}"
    if read < 0.5 * (after.bins - before.bins):
        row.missed.append("it kept commands from another reader")
    return sound(lab, row, before)


def clock_stepped(lab, plan, draw):
    steps = (*plan.clock_steps_s, 0.0)
    row = Row(
        "clock of the source stepped", " and ".join(f"{s:+g} s" for s in plan.clock_steps_s), ""
    )
    before = lab.status()
    for count, step_s in enumerate(steps, 1):
        lab.misbehave(clock_s=step_s)
        demand(lab, row, {"clock_step": count, "labels_clock_step": count}, before)
        time.sleep(plan.stretch_s / 4)
        flows(lab, row)
    return sound(lab, row, before)


def samples_lost(lab, plan, draw):
    faults = {"lose": 0.05, "duplicate": 0.05, "reorder": 0.05}
    shares = {
        "gap": ("lost", 0.7),  # two in a row are one
        "stamp_repeated": ("doubled", 0.8),
        "stamp_out_of_order": ("reordered", 0.8),
    }
    return stretch(lab, plan, "5 % lost, duplicated, reordered", faults, shares)


def not_numbers(lab, plan, draw):
    faults = {"nan": 0.02, "huge": 0.02}
    shares = {
        "value_not_finite": ("nan", 0.9),
        "guard_clip_input": ("huge", 0.12),  # a bin holds four samples
        "guard_clip_label": ("huge labels", 0.9),
    }
    return stretch(lab, plan, "NaN and 1e30, samples and labels", faults, shares)


def stretch(lab, plan, name, faults, shares):
    """The sender misbehaves for a while; `shares` of what it did are counted by their names."""
    row, before = Row(name, f"{plan.stretch_s:g} s", ""), lab.status()
    lab.misbehave(**faults)
    time.sleep(plan.stretch_s)
    flows(lab, row)
    did = lab.misbehave()
    flows(lab, row)
    demand_done(row, did, *(what for what, _ in shares.values()))
    least = {event: share * did[what] for event, (what, share) in shares.items()}
    demand(lab, row, least, before)
    return sound(lab, row, before)


def some_dead(lab, plan, draw):
    return dead(lab, plan, "a third of the channels dead", 0.33)


def all_dead(lab, plan, draw):
    return dead(lab, plan, "all channels dead", 1.0)


def dead(lab, plan, name, share):
    """Silence is data as any other: it is decoded, and the journal shows that it was there."""
    row, before = Row(name, f"{plan.stretch_s:g} s", ""), lab.status()
    channels = Faults(dead=share).dead_channels
    lab.misbehave(dead=share)
    flows(lab, row)
    clock_s = local_clock()
    time.sleep(plan.stretch_s)
    flows(lab, row)
    samples = signal_since(lab, clock_s)
    did = lab.misbehave()
    flows(lab, row)
    demand_done(row, did, "dead")
    if len(samples) < 0.5 * did["dead"] or samples[:, :channels].any():
        row.missed.append("what it decoded meanwhile had no dead channels")
    if channels < samples.shape[1] and not samples[:, channels:].any():
        row.missed.append("what it decoded meanwhile had no living channels")
    row.seen = f"{demand_pace(row, plan.late, before, lab.status())}, {len(samples)} samples"
    return sound(lab, row, before)


def guard_steps_in(lab, plan, draw):
    """Bursts freeze learning, a rate that is out of bounds brings back good weights."""
    row, before = Row("guard: freeze and rollback", "once each", ""), lab.status()
    usual = GuardSettings()

    def set_guard(**values):
        lab.ask("set", settings={f"guard.{name}": value for name, value in values.items()})

    def learning(state, cause):
        def is_so():
            status = lab.status()
            return (status.learning, status.learning_cause) == (state, cause)

        wait_for(is_so, f"learning is not {state}", 30.0)

    set_guard(calm_s=1.0, good_every_s=1.0)
    demand(lab, row, {"guard_good_state": 2}, before)
    lab.misbehave(burst=0.5)
    demand(lab, row, {"guard_freeze_artefact": 1}, before)
    learning("frozen", "guard")
    demand_done(row, lab.misbehave(), "burst")
    learning("on", "")
    set_guard(rate_min_hz=1e3, rate_window_s=0.5, freezes=1)
    demand(lab, row, {"guard_freeze_rate_low": 1, "guard_rollback_rate_low": 1}, before)
    names = ("calm_s", "good_every_s", "rate_min_hz", "rate_window_s", "freezes")
    set_guard(**{name: getattr(usual, name) for name in names})
    learning("on", "")
    lab.ask("rollback")
    least = {"guard_thaw_artefact": 1, "guard_thaw_rate_low": 1, "guard_rollback_order": 1}
    demand(lab, row, least, before)
    return sound(lab, row, before)


def malformed_messages(lab, plan, draw):
    row = Row("malformed control messages", f"{plan.malformed}", "")
    before = lab.status()
    with zmq.Context() as context, context.socket(zmq.DEALER) as hostile:
        hostile.setsockopt(zmq.LINGER, 0)
        hostile.setsockopt(zmq.SNDHWM, 0)
        hostile.connect(lab.control)
        for frames in malformed(plan.malformed, seed=draw.randrange(10**6)):
            hostile.send_multipart(frames)
        names = "malformed", "wrong_version", "oversized"

        def heard():
            events = lab.status().events
            return sum(events.get(n, 0) - before.events.get(n, 0) for n in names)

        wait_for(lambda: heard() >= plan.malformed, "they were not all counted")
    flows(lab, row)
    row.seen = demand_pace(row, plan.late_in_flood, before, lab.status())
    return sound(lab, row, before)
