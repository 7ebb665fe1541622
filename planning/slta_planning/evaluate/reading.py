"""Log reader: sessions as arrays in order of their starts, and counts of what was left out."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slta.cli.error_messages import UserError
from slta.core.session_types import DEFAULT_TYPE
from slta.parsing import printable
from slta_planning.decoding import Read, decoded, unpacked, whole
from slta_planning.evaluate.copies import copies, still_open
from slta_planning.evaluate.entries import (
    Entry,
    Format,
    FormatName,
    LineError,
    NoSessionError,
    NotPlacedError,
    OtherBackendError,
    csv_format,
    json_format,
)
from slta_planning.evaluate.haproxy import LINE, haproxy_format
from slta_planning.evaluate.lines import EXAMPLES, Lines
from slta_planning.evaluate.pool_numbers import UNKNOWN, PoolNumbers
from slta_planning.evaluate.slta_lines import MARKED, slta_format

MAX_BACKENDS = 1_000
"""Maximum number of backends counted by name."""
CLOCK_TOLERANCE_SECONDS = 1.0
"""Lines of concurrent writers may be this much out of order; more means that the clock went back."""
COMBINED = re.compile(r'\S+ \S+ \S+ \[\d\d/\w{3}/\d{4}:[^]]+\] "[^"]*" \d{3} ')
FORMAT_LINES = 20
"""Lines that format detection examines: proxies log their startup first."""


@dataclass(frozen=True)
class Log:
    """Sessions in order of their starts: start and end in seconds, the pool's number in `numbers`, the type's number.

    `keys` are equal where the session's id is, or else its client's address and port; 0: the line has neither.
    """

    format: Format
    lines: Lines
    numbers: PoolNumbers
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    pools: NDArray[np.int64]
    kinds: NDArray[np.int64]
    keys: NDArray[np.int64]

    def only(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Log:
        """These sessions, in this order."""
        columns = {name: getattr(self, name)[which] for name in ("starts", "ends", "pools", "kinds", "keys")}
        return replace(self, **columns)

    def in_order(self) -> Log:
        """Sessions in order of their starts."""
        return self.only(np.argsort(self.starts, kind="stable"))


@dataclass(frozen=True)
class Selection:
    """What of a log is read, and how: `named` None: the format is detected; no `backends`: all.

    `session_types` are the names of the classes of the fleet's types, which are in order of their numbers; without any
    but the default one a log's are ignored. `with_ids`: a line without the id of its session is a bad one. `columns`
    are the log's names by ours.
    """

    named: FormatName | None
    zone: tzinfo | None
    backends: Collection[str] = ()
    session_types: Mapping[str, Collection[str]] = field(default_factory=lambda: {DEFAULT_TYPE: ()})
    with_ids: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


def read_log(path: Path, selection: Selection, numbers: PoolNumbers, read: Read = lambda _: None) -> Log:
    """Read a log, gzipped or not. Raises OSError or UserError. Memory: 40 bytes a session, then 80 to sort."""
    with path.open("rb") as raw, whole(path):
        lines = unpacked(decoded(raw, read))
        first = list(islice(lines, FORMAT_LINES))
        form = _format_of(first, selection)
        sessions = _Sessions(form, numbers, selection)
        for number, line in enumerate(chain(first, lines), start=1):
            if line.strip() and not (form.has_header and number == 1):
                sessions.add(number, line)
    _check_backends(form, selection.backends, sessions.lines.backends)
    numbers.number_mapped()
    return sessions.log()


def _check_backends(form: Format, wanted: Collection[str], found: Collection[str]) -> None:
    """Raise UserError for a selected backend without a line."""
    if wanted and form.name != "haproxy":
        raise UserError(f"--backend: only lines of HAProxy name a backend, and the log is {form.name}")
    for name in wanted:
        if name not in found:
            raise UserError(f"--backend: no line is of backend {name}; the log has {', '.join(found) or 'none'}")


def _format_of(first: list[str], selection: Selection) -> Format:
    named = selection.named
    texts = [line for line in first if line.strip()]
    if not texts:
        raise UserError("the log is empty")
    if named == "slta1" or (named is None and any(map(MARKED.search, texts))):
        return slta_format(selection.zone, selection.session_types)
    if named == "jsonl" or (named is None and texts[0].lstrip().startswith("{")):
        return json_format(texts[0], selection.columns, selection.zone)
    if named == "haproxy" or (named is None and any(map(LINE.search, texts))):
        return haproxy_format(selection.zone or UTC, selection.backends, with_cookie=selection.with_ids)
    if COMBINED.match(texts[0]):
        raise UserError(
            "nginx's combined format has neither duration nor pool: log with log_format sessions escape=json "
            '\'{"end_s": $msec, "duration_s": "$upstream_response_time", "pool": "$upstream_addr"}\''
        )
    if named == "csv" or selection.columns or ("pool" in first[0] and not first[0].startswith("[")):
        return csv_format(first[0], selection.columns, selection.zone)
    raise UserError(
        "not a session log: the first lines are neither CSV with start_s,duration_s,pool, nor JSON objects with "
        "these members, nor HAProxy's option httplog or tcplog, nor lines of slta1; --columns names others"
    )


class _Sessions:
    """Collects sessions and counts lines."""

    def __init__(self, form: Format, numbers: PoolNumbers, selection: Selection) -> None:
        self.form, self.numbers, self.with_ids = form, numbers, selection.with_ids
        self.classes = [*selection.session_types.values()]
        self.kinds_by_name = {name: number for number, name in enumerate(selection.session_types)}
        self.lines = Lines()
        self.starts, self.ends, self.late = array("d"), array("d"), array("b")
        self.pools, self.kinds, self.keys = array("q"), array("q"), array("q")
        self.latest_start = self.latest_end = float("-inf")

    def add(self, number: int, line: str) -> None:
        lines = self.lines
        lines.read += 1
        try:
            entry = self.form.parse(line)
            kind = self._kind(entry.session_type, entry.key)
        except OtherBackendError as error:
            lines.read -= 1
            lines.other_backend += 1
            self._count_backend(str(error))
            return
        except NoSessionError:
            lines.read -= 1
            lines.no_session += 1
            return
        except NotPlacedError:
            lines.not_placed += 1
            return
        except LineError as error:
            lines.bad += 1
            if lines.bad <= EXAMPLES:
                lines.bad_lines.append(f"line {number}: {error}")
            return
        if entry.backend is not None:
            self._count_backend(entry.backend)
        lines.typed += entry.session_type is not None
        pool = self.numbers.number(entry)
        if pool == UNKNOWN:
            self._count_unknown(entry)
            return
        if not self._may_use(number, entry, self.numbers.class_of(pool), kind):
            return
        self._append(entry, pool)
        self.kinds.append(kind)

    def _kind(self, session_type: str | None, key: str | None) -> int:
        """Number of a type. LineError if the fleet has types and not this one, or an id is wanted and missing."""
        if self.with_ids and key is None:
            raise LineError("no id of a session")
        if session_type is None or len(self.kinds_by_name) == 1:
            return 0
        if session_type not in self.kinds_by_name:
            raise LineError(f"unknown session_type {session_type[:40]!r}")
        return self.kinds_by_name[session_type]

    def _may_use(self, number: int, entry: Entry, pool_class: str, kind: int) -> bool:
        """Whether the session's type may use the class; if not it is counted."""
        if len(self.classes) == 1 or pool_class in self.classes[kind]:
            return True
        lines = self.lines
        lines.incompatible += 1
        if lines.incompatible <= EXAMPLES:
            lines.incompatible_lines.append(
                printable(f"line {number}: {entry.session_type} on {entry.pool} of class {pool_class}")
            )
        return False

    def _count_unknown(self, entry: Entry) -> None:
        pool = printable(entry.pool if entry.pool_class is None else f"{entry.pool} of class {entry.pool_class}")
        lines = self.lines
        lines.unknown_pool += 1
        if pool not in lines.unknown_pools and len(lines.unknown_pools) < EXAMPLES:
            lines.unknown_pools[pool] = 0
            lines.unknown_servers += [pool] if entry.pool_class is None else []
        if pool in lines.unknown_pools:
            lines.unknown_pools[pool] += 1

    def _count_backend(self, name: str) -> None:
        found = self.lines.backends
        if name in found or len(found) < MAX_BACKENDS:
            found[name] = found.get(name, 0) + 1

    def _append(self, entry: Entry, pool: int) -> None:
        end = entry.start + entry.duration
        late = CLOCK_TOLERANCE_SECONDS
        self.late.append(entry.start < self.latest_start - late and end < self.latest_end - late)
        self.latest_start, self.latest_end = max(self.latest_start, entry.start), max(self.latest_end, end)
        self.lines.second_hour += entry.is_second
        self.lines.waited += entry.waited > 0
        self.lines.waited_seconds += entry.waited
        self.starts.append(entry.start)
        self.ends.append(end)
        self.pools.append(pool)
        self.keys.append(0 if entry.key is None else hash(entry.key))

    def log(self) -> Log:
        starts, ends = np.frombuffer(self.starts), np.frombuffer(self.ends)
        pools, kinds, keys = (np.frombuffer(column, dtype=np.int64) for column in (self.pools, self.kinds, self.keys))
        late = np.frombuffer(self.late, dtype=np.bool_)
        twice = copies(starts, ends, pools, keys, late)
        has_ids = self.form.name != "haproxy" and not self.with_ids
        again = still_open(np.where(twice, 0, keys), starts, ends) if has_ids else np.zeros_like(twice)
        self.lines.twice, self.lines.still_open = int(twice.sum()), int(again.sum())
        kept = ~(twice | again)
        self.lines.never_ended = len(self.form.begun)
        self.lines.clock_back = int((late & kept).sum())
        log = Log(self.form, self.lines, self.numbers, starts, ends, pools, kinds, keys)
        return (log if kept.all() else log.only(kept)).in_order()
