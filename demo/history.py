"""The course of a figure as bars, in the eighths of a character cell."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"


def in_columns(points: Sequence[tuple[float, float]], duration_seconds: float, columns: int) -> list[float]:
    """The mean of the points, (seconds, value) in order, in each column: `columns` of them share the duration.

    A column without a point repeats the one before; behind the last point there is none.

    >>> in_columns([(1, 4.0), (2, 6.0), (9, 8.0)], duration_seconds=20, columns=5)
    [5.0, 5.0, 8.0]
    """
    found: dict[int, list[float]] = {}
    for seconds, value in points:
        column = min(columns - 1, int(seconds / duration_seconds * columns))
        found.setdefault(column, []).append(value)
    filled: list[float] = []
    for column in range(max(found, default=-1) + 1):
        here = found.get(column) or filled[-1:] or [0.0]
        filled.append(sum(here) / len(here))
    return filled


def bars(values: Sequence[float], top: float, rows: int) -> str:
    """A bar for each value, `rows` lines high for `top`: one eighth at least, so that the smallest is seen.

    There are as many lines as the highest bar takes.

    >>> print(bars([0.0, 1.0, 2.0], top=2.0, rows=2))
      █
    ▁██
    """
    eighths = [max(1, round(8 * rows * value / top)) if top > 0 else 1 for value in values]
    lines = -(-max(eighths, default=1) // 8)
    return "\n".join(
        "".join(EIGHTHS[max(0, min(8, height - 8 * line))] for height in eighths) for line in reversed(range(lines))
    )
