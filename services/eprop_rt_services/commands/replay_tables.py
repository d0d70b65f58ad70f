"""The tables of `replay` that people read."""

from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt_services.commands.class_tables import show_class_conditions, show_classes
from eprop_rt_services.config import Config
from eprop_rt_services.recordings import Recording
from eprop_rt_services.replay import Replayed
from eprop_rt_services.replay.across_days import Transition
from eprop_rt_services.replay.comparable import OFFLINE
from eprop_rt_services.replay.contestant import Outcome
from eprop_rt_services.wording import amount, number


def show(recording: Recording, settings: Config, results: list[Replayed]) -> None:
    """Quality and speed of one recording."""
    console = Console()
    main = results[0]
    minutes = main.bins * settings.bins.bin_s / 60
    labels = "none" if recording.labels is None else recording.labels.info.name
    console.print(
        f"{recording.name}: {recording.signal.info.channels} channels, {main.bins} bins of "
        f"{settings.bins.bin_s * 1e3:g} ms ({minutes:.1f} min), labels: {labels}",
        highlight=False,
    )
    if main.labelled < main.bins or main.bins == 0:
        console.print(unscored(recording, main), highlight=False)
    if settings.classes is None:
        show_quality(console, results)
    else:
        show_classes(results, settings.classes.labels)
    fitted = [result.decoder for result in results if result.decoder in OFFLINE]
    if fitted:
        are = "is" if len(fitted) == 1 else "are"
        console.print(
            f"{', '.join(fitted)} {are} fitted offline on the first 80 %: only the last 20 % are "
            "a test",
            highlight=False,
        )
    show_speed(console, settings, main)
    cached = [result.decoder for result in results if result.cached]
    if cached:
        console.print(f"of an earlier run: {', '.join(cached)} (--no-cache replays)")
    for result in results:
        for line in result.said:
            console.print(f"{result.decoder}: {line}", highlight=False)
        if result.events:
            told = ", ".join(f"{name} {count}" for name, count in sorted(result.events.items()))
            console.print(f"{result.decoder} events: {told}", highlight=False)


def show_quality(console: Console, results: list[Replayed]) -> None:
    """R2 and r of every decoder."""
    table = Table("decoder", "R2, last\n20 %", "mean", "r", "R2 by eighths", box=box.SIMPLE)
    for result in results:
        last = result.score.r2_last20
        table.add_row(
            result.decoder,
            " ".join(number(v) for v in last[:4].tolist()) + (" ..." if len(last) > 4 else ""),
            number(float(last.mean())),
            number(float(result.score.r_last20.mean())),
            by_eighths(result),
        )
    console.print(table)


def unscored(recording: Recording, main: Replayed) -> str:
    """What is not scored, in a line."""
    if main.bins == 0:
        return "not a single bin is complete: nothing to decode"
    if recording.labels is None:
        return "no labels: decoded to two outputs, nothing is learned and nothing scored"
    if main.labelled == 0:
        return "no bin has a label for every output: nothing is scored"
    told = f"{main.labelled} of {main.bins} bins have a label for every output"
    return f"{told}: the others are not scored"


def show_speed(console: Console, settings: Config, main: Replayed) -> None:
    """One line; nothing without a bin."""
    if main.bins == 0:
        return
    spanned_s = main.bins * settings.bins.bin_s
    factor, own = spanned_s / main.seconds, spanned_s / main.processor_seconds
    console.print(
        f"{main.decoder}: {factor:.0f} times real time ({own:.0f} by processor time), "
        f"{main.seconds / max(main.bins, 1) * 1e3:.2f} ms a bin, digest {main.digest[:16]}",
        highlight=False,
        soft_wrap=True,
    )


def show_conditions(outcomes: list[Outcome]) -> None:
    """The same recording under each condition; nothing where there is only one."""
    if len(outcomes) < 2:
        return
    if outcomes[0][1][0].classes is not None:
        show_class_conditions(outcomes)
        return
    table = Table("condition, decoder", "R2, last\n20 %", "R2 by eighths", box=box.SIMPLE)
    for condition, results in outcomes:
        table.add_row(condition.name)
        for result in results:
            last = number(float(result.score.r2_last20.mean()))
            table.add_row(f"  {result.decoder}", last, by_eighths(result))
    Console().print(table)


def show_costs(results: list[Replayed]) -> None:
    """The columns of NeuroBench: bytes, sparsities, and operations a bin."""
    names = ("decoder", "bytes", "zero\nweights", "zero\nspikes", "MACs", "ACs")
    learning = ("learning\nbytes", "learning\nMACs", "learning\nACs")
    table = Table(*names, *learning, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for result in results:
        cost = result.cost
        table.add_row(
            result.decoder,
            amount(cost.footprint_bytes),
            number(cost.connection_sparsity, 2),
            number(cost.activation_sparsity, 2),
            amount(cost.macs),
            amount(cost.acs),
            amount(cost.learning_footprint_bytes),
            amount(cost.learning_macs),
            amount(cost.learning_acs),
        )
    console = Console()
    console.print(table)
    console.print(
        "zero: share of all; MACs and ACs: effective, a bin; those of learning come on top",
        highlight=False,
    )


def show_across(night: Transition) -> None:
    """One day after another."""
    names = ("decoder", "first minute", f"minutes to 90 % of {number(night.offline)}", "day")
    table = Table(*names, "after 10 min", box=box.SIMPLE)
    for name, day in night.days.items():
        table.add_row(
            name,
            number(day.first_minute),
            "-" if day.minutes is None else str(day.minutes),
            number(day.whole),
            number(day.after_refit),
        )
    console = Console()
    console.print(f"{night.recording} after the day before it, R2", highlight=False)
    console.print(table)
    console.print(
        "static: weights of the day before; recentred: with input statistics of today; refitted: a "
        "Wiener filter of the first ten minutes",
        highlight=False,
    )


def by_eighths(result: Replayed) -> str:
    """Mean of the axes, eight times."""
    return " ".join(number(float(e.mean()), 2) for e in result.score.r2_eighths)
