"""Report of the campaign `faults`: tables of the runs that are kept.

*lost*: acknowledged, not completed, and not in the store; or its complete got 404; or a later assign placed it anew.
*back*: completed, but in the store. *doubled*: two concurrent calls for one id got different pools. *leaked*: in the
store, but never requested, refused, or answered 404. *refused*: the fleet was full, or the call was rejected for good.
*unknown*: no final response within 45 s of retries after the load. *noticed*: of the runs with losses or replays, those
in which a dispatcher logged `store_went_back`, and the longest delay after the first successful call. *put back*:
operations replayed. A run is void if fewer than three quarters of the intended calls succeeded before the fault, or if
the fault had no visible effect. Of clusters, *silence* is of the fault's fleet, *silence before* of all three, *not
ready* the answers of /readyz that were not 200, *leases late* how long after its time the last of 40 leases ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from lab.campaign.row import Record
from lab.faults.table import FAULTS

MODES = ("async", "replicated", "fsync")
COUNTS = ("acknowledged", "refused", "unknown", "lost", "doubled", "leaked", "back")
STATEMENT = (
    *("mode", "what fails", "runs", "acknowledged", "lost", "most in a run", "back", "longest silence s"),
    *("noticed", "put back"),
)
CLUSTERS = (
    *("fault", "mode", "runs", "silence before s", "silence s", "silence of others s"),
    *("refused of others", "not ready", "leases late s"),
)
Key = Callable[[Record], tuple[str, ...]]


def line(record: Record) -> str:
    """One run, for the terminal."""
    counts = ", ".join(f"{name} {record[name]:,}" for name in COUNTS)
    silence = f"silence {record['longest_silence_seconds']} s"
    audit = "; ".join(record["audit"]) or "audit clean"
    name = f"{record['fault']} {record['mode']} {record['run']} ({record['server']})"
    return f"{name}: {counts}, {silence}, {audit}{void(record)}"


def void(record: Record) -> str:
    """Why a run does not count, '' if it does."""
    return f", VOID: {record['void']}" if record["void"] else ""


def report(records: Sequence[Record]) -> str:
    """The tables, for the terminal."""
    return "\n\n".join(table(records) for table in (statement, clusters, faults, provenance))


def losses(records: Sequence[Record]) -> list[list[str]]:
    """A row for what fails: lost of the acknowledged, and the longest silence, under each mode; for the page."""
    found = dict(_groups(records, lambda run: (FAULTS[run["fault"]].fails, run["mode"])))
    return [
        [fails, *(_lost(found.get((fails, mode), [])) for mode in MODES)]
        for fails in dict.fromkeys(fails for fails, _ in found)
    ]


def _lost(runs: Sequence[Record]) -> str:
    if not runs:
        return "–"
    lost, acknowledged = (_number(_sum(runs, name)) for name in ("lost", "acknowledged"))
    return f"{lost} of {acknowledged}, {_most(runs, 'longest_silence_seconds'):.1f} s"


def statement(records: Sequence[Record]) -> str:
    """Table of losses, by mode and fault."""
    rows = [
        (
            f"`{mode}`",
            fails,
            *map(_number, (len(runs), _sum(runs, "acknowledged"), _sum(runs, "lost"), _most(runs, "lost"))),
            _number(_sum(runs, "back")),
            f"{_most(runs, 'longest_silence_seconds'):.1f}",
            _noticed(runs),
            _number(sum(run.get("replayed", 0) for run in runs)),
        )
        for (mode, fails), runs in _groups(records, lambda run: (run["mode"], FAULTS[run["fault"]].fails))
    ]
    return _table(STATEMENT, rows, numbers_from=2)


def faults(records: Sequence[Record]) -> str:
    """A row for each fault and mode: a fault's title once, and no column of zeros only, which `provenance` names."""
    counts = _nonzero(records)
    audits = ("audits",) if _any_broken(records) else ()
    voids = {key: len(runs) for key, runs in _groups(records, _fault_and_mode, void=True)}
    groups = _groups(records, _fault_and_mode)
    first = {fault: mode for (fault, mode), _ in reversed(groups)}
    rows = [
        (
            FAULTS[fault].title if mode == first[fault] else "",
            f"`{mode}`",
            f"{len(runs)}" + (f" + {voids[fault, mode]} void" if (fault, mode) in voids else ""),
            *(_number(_sum(runs, name)) for name in counts),
            f"{_most(runs, 'longest_silence_seconds'):.1f}",
            *(_audits(runs) for _ in audits),
        )
        for (fault, mode), runs in groups
    ]
    return _table(("fault", "mode", "runs", *counts, "longest silence s", *audits), rows, numbers_from=2)


def clusters(records: Sequence[Record]) -> str:
    """What the fleet of a fault on a cluster noticed of it, and what the others did: the worst run of each."""
    on_clusters = [run for run in records if "readiness" in run["notes"]]
    rows = [
        (
            FAULTS[fault].title,
            f"`{mode}`",
            _number(len(runs)),
            *(f"{_most(notes, name):.1f}" for name in ("silence before", "silence", "silence of others")),
            _number(sum(sum(note["refused of others"].values()) for note in notes)),
            _not_ready(notes),
            _late(notes),
        )
        for (fault, mode), runs in _groups(on_clusters, _fault_and_mode)
        for notes in [[run["notes"] for run in runs]]
    ]
    return _table(CLUSTERS, rows, numbers_from=2)


def _not_ready(notes: Sequence[Mapping[str, Any]]) -> str:
    """Replies of /readyz other than 200, of all."""
    requests = sum(sum(note["readiness"].values()) for note in notes)
    return f"{requests - sum(note['readiness'].get('200', 0) for note in notes):,} of {requests:,}"


def _late(notes: Sequence[Mapping[str, Any]]) -> str:
    """The longest time by which a lease ended late, where that was looked at."""
    late = [note["leases late"] for note in notes if "leases late" in note]
    return f"{max(late):.1f}" if late else "–"


def provenance(records: Sequence[Record]) -> str:
    """When and at which commits, and what was 0 in all runs that count."""
    dates, commits = ({record[name] for record in records} for name in ("date", "commit"))
    servers = {record["server"] for record in records}
    return (
        f"{len(records)} runs, {min(dates)} to {max(dates)}, at the commits {', '.join(sorted(commits))}, "
        f"on {', '.join(sorted(servers))} in turn.{_zeros(records)}"
    )


def _zeros(records: Sequence[Record]) -> str:
    """Text on the counts that the table leaves out."""
    zeros = [name for name in COUNTS if name not in _nonzero(records)]
    named = f" In all of them {', '.join(zeros)} are 0." if zeros else ""
    return named if _any_broken(records) else f"{named} All audits are clean."


def _nonzero(records: Sequence[Record]) -> list[str]:
    return [name for name in COUNTS if any(run[name] for run in records if not run["void"])]


def _any_broken(records: Sequence[Record]) -> bool:
    return any(run["audit"] for run in records if not run["void"])


def _fault_and_mode(run: Record) -> tuple[str, ...]:
    return run["fault"], run["mode"]


def _groups(
    records: Iterable[Record], key: Key, *, void: bool = False
) -> Sequence[tuple[tuple[str, ...], Sequence[Record]]]:
    """The runs that count, or those that do not, by a key, in the order of the table."""
    order = {fault: number for number, fault in enumerate(FAULTS)}
    chosen = sorted((run for run in records if bool(run["void"]) == void), key=lambda run: order[run["fault"]])
    first = {key(run): number for number, run in reversed(list(enumerate(chosen)))}
    chosen.sort(key=lambda run: first[key(run)])
    return [(found, list(runs)) for found, runs in groupby(chosen, key)]


def _sum(runs: Sequence[Mapping[str, int]], name: str) -> int:
    return sum(run[name] for run in runs)


def _most(runs: Sequence[Mapping[str, float]], name: str) -> float:
    return max(run[name] for run in runs)


def _noticed(runs: Sequence[Record]) -> str:
    """Of the runs that lost something, or had it put back: in how many that was noticed, and how late at most."""
    concerned = [run for run in runs if run["lost"] or run.get("replayed")]
    seconds = [run["noticed_seconds"] for run in concerned if run.get("noticed_seconds") is not None]
    if not concerned:
        return "–"
    return f"{len(seconds)} of {len(concerned)}" + (f", in {max(seconds):.1f} s" if seconds else "")


def _audits(runs: Sequence[Record]) -> str:
    broken = sum(bool(run["audit"]) for run in runs)
    return f"{broken} broken" if broken else "clean"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    rule = ["---"] * numbers_from + ["---:"] * (len(headings) - numbers_from)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))
