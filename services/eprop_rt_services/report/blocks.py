"""What a page shows, one under the other: a heading, words, a figure, tables."""

from dataclasses import dataclass

from bokeh.models import LayoutDOM


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of a table; `strong` is the row that it is about."""

    cells: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The first column is of words, the others of numbers."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """Shows and hides the renderers of its name in one block's figure."""

    name: str
    label: str
    colour: str
    dashed: bool
    on: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """`key` is its own on the page; renderers that a switch moves are named `key:name`."""

    key: str
    title: str
    words: tuple[str, ...] = ()
    figure: LayoutDOM | None = None
    switches: tuple[Switch, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[str, tuple[Table, ...]] | None = None  # a summary, and what opens under it
