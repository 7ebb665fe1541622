"""Bar chart of a time series, in eighths of a character cell."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"


def in_columns(points: Sequence[tuple[float, float]], duration_seconds: float, columns: int) -> list[float]:
    """Mean of the points, (seconds, value) in order, in each of `columns` equal parts of the duration.

    A column without a point repeats the previous one; columns after the last point are omitted.

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
    """Vertical bars, `rows` lines high at `top` and at least one eighth, so that the smallest is visible.

    The number of lines is that of the highest bar.

    >>> print(bars([0.0, 1.0, 2.0], top=2.0, rows=2))
      █
    ▁██
    """
    eighths = [max(1, round(8 * rows * value / top)) if top > 0 else 1 for value in values]
    lines = -(-max(eighths, default=1) // 8)
    return "\n".join(
        "".join(EIGHTHS[max(0, min(8, height - 8 * line))] for height in eighths) for line in reversed(range(lines))
    )
