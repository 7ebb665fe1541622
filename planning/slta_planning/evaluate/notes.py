"""Notes beside the figures of an evaluation: lines that were left out, pools without a session, missing sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slta_planning.evaluate.active_pools import Unseen
from slta_planning.evaluate.lines import LEFT_OUT
from slta_planning.text import counted, percent, tally

Data = Mapping[str, Any]
IDLE = 0.1
"""Sessions per pool below which it is noted that most pools are idle."""
FEW = 100
"""Sessions below which it is noted that they are few."""


def notes(data: Data) -> list[str]:
    """What is missing from the figures or only partly included, and what they may hide."""
    lines = data["lines"]
    return [
        *_few(data),
        *_left_out(lines),
        *_waited(data),
        *_backends(lines),
        *_unseen(data["unseen"]),
        *_idle(data),
        *_holes(data),
        *_missing(data),
    ]


COUNTED = {
    "not_placed": "of sessions that no pool got",
    "no_session": "not read: no end of a session",
    "never_ended": "of sessions that began and have no end: they are missing",
    "clock_back": "after later ones: the log is not sorted, or its clock went back",
    "second_hour": "in the second of the two hours when the clocks went back",
}
"""Counts of lines that are no part of the figures, or may be wrong, and why."""


def _few(data: Data) -> Iterator[str]:
    if data["sessions"] < FEW:
        yield f"only {counted(data['sessions'], 'session')}: differences between placements may be chance"


def _left_out(lines: Data) -> Iterator[str]:
    """Lines that are missing from the figures or only partly included."""
    for kind, why in LEFT_OUT.items():
        if lines[kind]:
            examples = tally(lines["unknown_pools"]) if kind == "unknown_pool" else _first(lines, kind)
            found = f"{counted(lines[kind], 'line')} of {lines['read']:,} left out, {why}"
            yield f"{found}: {examples}" if examples else found
    yield from (f"{counted(lines[kind], 'line')} {why}" for kind, why in COUNTED.items() if lines[kind])


def _waited(data: Data) -> Iterator[str]:
    waited, seconds = data["lines"]["waited"], data["lines"]["waited_seconds"]
    if waited:
        yield (
            f"{counted(waited, 'session')} ({percent(waited / data['sessions'])}) waited in the balancer's queue, "
            f"{seconds / waited:,.3g} s on average, which counts for no pool: another policy might not have queued them"
        )


def _first(lines: Data, kind: str) -> str:
    """The first lines of a kind, and that there are more."""
    shown = lines.get(f"{kind}_lines", [])
    return "; ".join([*shown, *(["…"] if lines[kind] > len(shown) > 0 else [])])


def _backends(lines: Data) -> Iterator[str]:
    named = tally(lines["backends"])
    if lines["other_backend"]:
        yield f"{counted(lines['other_backend'], 'line')} of other backends not read; lines by backend: {named}"
    elif len(lines["backends"]) > 1:
        yield f"{len(lines['backends']):,} backends, where servers of one name count as one pool (--backend): {named}"


def _unseen(unseen: Data) -> Iterator[str]:
    if unseen["pools"]:
        found = f"{counted(unseen['pools'], 'pool')} of the fleet file ({percent(unseen['share_of_capacity'])} of its"
        done = "counted as empty" if unseen["rule"] == Unseen.KEEP else "left out"
        yield f"{found} capacity) without a session: {done}"


def _holes(data: Data) -> Iterator[str]:
    for hole in data["holes"]:
        yield (
            f"no session ended for {hole['to_s'] - hole['from_s']:,.0f} s from {hole['from_s']:.0f} s on, though "
            f"{hole['sessions']:,} began: lines are missing, "
            + ("this time is not measured" if data["not_measured"] else "the load is too small")
        )


def _idle(data: Data) -> Iterator[str]:
    if data["mean_sessions"] < IDLE * data["mean_pools"]:
        yield f"at least {1 - IDLE:.0%} of the pools are idle at any time on average: little can be gained by placement"


def _missing(data: Data) -> Iterator[str]:
    window, lines = data["window"], data["lines"]
    if lines["open_at_end"]:
        yield f"{counted(lines['open_at_end'], 'session')} still open at the end of the window, counted up to it"
    if window["missing_at_begin"] >= 1:
        yield (
            f"about {counted(round(window['missing_at_begin']), 'session')} open before the log began may be missing "
            "at the beginning: a longer --warm-up has fewer"
        )
    if window["missing_at_end"] >= 1:
        yield (
            f"about {counted(round(window['missing_at_end']), 'session')} still open when the log ended may be missing "
            "at the end: a longer --cool-down has fewer"
        )
