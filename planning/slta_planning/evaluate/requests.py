"""Requests that pass for sessions: their refusal, and sessions put together from lines with the same id."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from slta.cli.error_messages import UserError
from slta_planning.evaluate.copies import begins
from slta_planning.evaluate.reading import Log
from slta_planning.text import error_text, percent

MIN_MEAN_SECONDS = 1.0
"""Sessions are at least this long on average."""
AGAIN_SECONDS = 60.0
"""Connections are kept alive for this long at most, and a port is not used again before."""
MAX_AGAIN = 0.1
"""Maximum share of the lines that follow another of the same connection or id."""
MIN_KEPT = 0.95
"""Minimum share of the lines of sessions that are on the session's own pool."""


def refuse_requests(log: Log, *, allowed: bool) -> None:
    """Raise UserError, unless `allowed`, if lines seem to be requests: short, or one after another from one client."""
    if allowed or not len(log.starts):
        return
    mean, again = float((log.ends - log.starts).mean()), _again(log)
    if mean >= MIN_MEAN_SECONDS and again <= MAX_AGAIN:
        return
    head = (
        f"the lines seem to be requests, not sessions: they last {mean:.3g} s on average, and {percent(again)} begin "
        f"within {AGAIN_SECONDS:g} s after one of the same connection or id. Give a log with a line for each session; "
        "or choose"
    )
    together = (
        "  --gap SECONDS: lines with the same id (session_id, or a cookie that HAProxy captures) are one session, "
        "until none comes for so long"
    )
    raise UserError(error_text([head, together, "  --lines-are-sessions: each line is one all the same"]))


def _again(log: Log) -> float:
    order = np.lexsort((log.starts, log.keys))
    keys, pauses = log.keys[order], log.starts[order][1:] - log.ends[order][:-1]
    after = (keys[1:] == keys[:-1]) & (keys[1:] != 0) & (pauses > -1e-3) & (pauses < AGAIN_SECONDS)
    return float(after.sum()) / len(keys)


def put_together(log: Log, gap: float, least: float = MIN_KEPT) -> Log:
    """One session from lines with the same id, until none is open for over `gap` seconds, on the pool of most lines.

    Raises UserError if less than the share `least` of their lines is on it.
    """
    if not len(log.starts):
        return log
    order = np.lexsort((log.starts, log.keys))
    starts, ends, pools = log.starts[order], log.ends[order], log.pools[order]
    first = np.flatnonzero(begins(log.keys[order], starts, ends, gap))
    sizes = np.diff([*first, len(starts)])
    chosen, counts = _most(np.repeat(np.arange(len(first)), sizes), pools)
    several = sizes > 1
    if counts[several].sum() < least * sizes[several].sum():
        share = percent(1 - counts[several].sum() / sizes[several].sum())
        raise UserError(
            f"this balancer does not keep sessions: {share} of the lines are on another pool than most of their "
            "session, so sessions cannot be placed, and --gap cannot be used"
        )
    begin, end = starts[first], np.maximum.reduceat(ends, first)
    kinds, keys = log.kinds[order][first], log.keys[order][first]
    return Log(log.format, replace(log.lines), log.numbers, begin, end, chosen, kinds, keys).in_order()


def _most(numbers: NDArray[np.int64], pools: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The most frequent pool of each session, and its lines."""
    width = int(pools.max()) + 1
    codes, counts = np.unique(numbers * width + pools, return_counts=True)
    order = np.lexsort((counts, codes // width))
    last = np.flatnonzero(np.diff(codes[order] // width, append=-1))
    return codes[order][last] % width, counts[order][last]
