"""The tables of `replay` where the outputs are classes."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from eprop_rt.classification import ClassScore, Decided
from eprop_rt_services.replay import Replayed
from eprop_rt_services.replay.contestant import Outcome
from eprop_rt_services.wording import number


def show_classes(results: Sequence[Replayed], names: Sequence[str]) -> None:
    """Accuracies of every decoder, and what the first one takes for what."""
    table = Table(
        "decoder",
        "windows,\nlast 20 %",
        "bal-\nanced",
        "whole\npass",
        "bins,\nlast 20 %",
        "bal-\nanced",
        "whole\npass",
        "bits a\nminute",
        box=box.SIMPLE,
    )
    for result in results:
        if result.classes is not None:
            table.add_row(result.decoder, *figures(result.classes))
    console = Console()
    console.print(table)
    main = results[0].classes
    if main is None or not len(main.windows.true):
        return
    console.print(
        f"accuracy; a window is a stretch of bins with one label, {len(main.windows.true)} in all, "
        f"{len(main.windows_last20.true)} in the last 20 %; chance is {1 / len(names):.3f}",
        highlight=False,
    )
    show_confusion(console, f"{results[0].decoder}, windows of the last 20 %", main, names)


def figures(score: ClassScore) -> list[str]:
    """A row of the table."""
    return [
        number(score.windows_last20.accuracy),
        number(score.windows_last20.balanced_accuracy),
        number(score.windows.accuracy),
        number(score.bins_last20.accuracy),
        number(score.bins_last20.balanced_accuracy),
        number(score.bins.accuracy),
        number(score.itr_bits_per_min, 1),
    ]


def show_confusion(console: Console, title: str, score: ClassScore, names: Sequence[str]) -> None:
    """Rows are the truth, columns what was said."""
    table = Table(title, *names, box=box.SIMPLE)
    for name, row in zip(names, score.windows_last20.confusion.tolist(), strict=True):
        table.add_row(name, *map(str, row))
    console.print(table)


def show_class_conditions(outcomes: Sequence[Outcome]) -> None:
    """The same recording under each condition; nothing where there is only one."""
    if len(outcomes) < 2:
        return
    table = Table("condition, decoder", "windows,\nlast 20 %", "bins,\nlast 20 %", box=box.SIMPLE)
    for condition, results in outcomes:
        table.add_row(condition.name)
        for result in results:
            if result.classes is not None:
                told = result.classes.windows_last20, result.classes.bins_last20
                table.add_row(f"  {result.decoder}", *(number(one.accuracy) for one in told))
    Console().print(table)


def class_scores(score: ClassScore) -> dict[str, object]:
    """One decoder's part of `--json`."""
    return {
        "accuracy": score.bins.accuracy,
        "accuracy_last20": score.bins_last20.accuracy,
        "balanced_accuracy": score.bins.balanced_accuracy,
        "balanced_accuracy_last20": score.bins_last20.balanced_accuracy,
        "confusion": score.bins_last20.confusion.tolist(),
        "windows": window_scores(score.windows, score.windows_last20),
        "itr_bits_per_min": score.itr_bits_per_min,
    }


def window_scores(whole: Decided, last20: Decided) -> dict[str, object]:
    """Of one decision a window."""
    return {
        "count": len(whole.true),
        "count_last20": len(last20.true),
        "accuracy": whole.accuracy,
        "accuracy_last20": last20.accuracy,
        "balanced_accuracy": whole.balanced_accuracy,
        "balanced_accuracy_last20": last20.balanced_accuracy,
        "confusion": last20.confusion.tolist(),
    }
