"""Formatting of figures for terminals and pipes, and an option that is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import TextWrapper
from typing import Annotated

import typer

WIDTH = 80
"""Columns of prose; tables may be wider."""
SHOWN = 5
"""Maximum of names in an enumeration, and of ties."""


def _say_which(load: str | None) -> None:
    if load is not None:
        raise typer.BadParameter("say which: --sessions of the whole fleet, or --load-per-pool")


UnclearLoad = Annotated[str | None, typer.Option("--load", hidden=True, callback=_say_which)]


def wrapped(sentences: Iterable[str]) -> list[str]:
    """Lines of at most 80 columns, broken between words; what continues a sentence is indented."""
    fill = TextWrapper(WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line for sentence in sentences for line in fill.wrap(sentence)]


def error_text(sentences: Sequence[str]) -> str:
    """Wrap the text of an error, which is printed after the command's name."""
    name = "slta: "
    return "\n".join(wrapped([name + sentences[0], *sentences[1:]])).removeprefix(name)


def warn(text: str) -> None:
    """Print a warning to standard error."""
    typer.echo("\n".join(wrapped([f"warning: {text}"])), err=True)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns, two spaces apart, the first left and the others right; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in rows
    ]


def percent(share: float | None) -> str:
    """`6.93 %`; a dash for None. Negative rounding errors become 0."""
    return "–" if share is None else f"{100 * share + 0.0:.2f} %".replace("-0.00 %", "0.00 %")


def amount(number: float) -> str:
    """`2,444,796`, `0.1`: up to ten digits, without exponents below 10¹⁰."""
    return f"{number:,.10g}"


def some(names: Sequence[str]) -> str:
    """The first names, and that there are more."""
    return ", ".join([*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])])


def tally(counts: Mapping[str, int]) -> str:
    """The first names with their counts: `game (873), web (20)`."""
    return some([f"{name} ({count:,})" for name, count in counts.items()])


def counted(count: float, one: str, many: str | None = None) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{count:,.0f} {one if count == 1 else many or one + 's'}"
