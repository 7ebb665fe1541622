"""Reply parsers of fleets: snapshots, integrals of the past, changes, and the events that record them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, get_args

from slta.core.session_types.intervals import Interval
from slta.models import (
    COUNTERS,
    MICROSECONDS,
    WINDOWS,
    Arrivals,
    AuditResult,
    ClassSnapshot,
    Configured,
    Differences,
    Integrals,
    Snapshot,
    Suspect,
    Ticked,
    TypeIntegrals,
    TypeSnapshot,
)
from slta.models.errors import DamagedError, DocumentUnreadableError
from slta.models.pools import LIVENESS, Guard
from slta.models.request_record import Event, Facts
from slta.store._outcomes import REFUSALS, Reply

TOKEN_COUNT_PREFIX = "assigned_"
"""Prefix of the fields that count placements by token."""
INTEGERS = ("config_version", "time", "clock", "sessions", "utility", "optimum")
"""Fields of a snapshot that are integers of the same name."""
GUARDS: tuple[Guard, ...] = get_args(Guard)
TYPE_REFUSALS = {"full": "no_capacity", "inactive": "no_active_pool", "incompatible": "incompatible"}
"""Reason by the store's word, as in `type_refused_<word>`."""


def parse_snapshot(fleet: str, reply: list[Any]) -> Snapshot:
    """Parse [outcome, document, fields, rank, counts per class, integrals, past integrals]. DamagedError."""
    if reply[1] is None:
        raise DocumentUnreadableError
    try:
        return _parse(fleet, reply)
    except (LookupError, ValueError) as error:
        raise DamagedError from error


def _parse(fleet: str, reply: list[Any]) -> Snapshot:
    _, document, flat, rank, columns, now, past = reply
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    epoch = int(fields["store_epoch"])
    counters = {name: int(fields.get(name, 0)) for name in COUNTERS}
    arrivals = " ".join(fields.get(name) or "0" for name in Arrivals._fields)
    present = parse_integrals(epoch, f"{now} # {arrivals}")
    return Snapshot(
        fleet=fleet,
        document=document,
        policy=fields["policy"],
        store_epoch=epoch,
        suspect=bool(fields["suspect"]),
        quality=fields.get("quality", ""),
        audit=_audit(fields.get("audit_result", "")),
        resumed_at=int(fields["resumed_at"]) if fields.get("resumed_at") else None,
        repair_blocked=fields.get("repair_blocked") or None,
        draining_sessions=sum(_vector(fields, "draining_sessions")),
        rank=int(rank),
        yellow=int(fields.get("yellow", 0)),
        min_green=int(fields.get("min_green", 0)),
        classes=_classes(fields, columns),
        types=_types(fields),
        counters=counters,
        integrals=present,
        past={w: kept[0] for w, line in zip(WINDOWS, past, strict=True) if (kept := parse_past(present, [line]))},
        **{name: int(fields[name]) for name in INTEGERS},
    )


def _audit(result: str) -> AuditResult | None:
    if not result:
        return None
    at, total, by, *first = result.split(" ", 3)
    return AuditResult(at=float(at), total=int(total), by=by, first="".join(first))


def _vector(fields: dict[str, str], name: str) -> list[int]:
    return [int(number) for number in fields.get(name, "").split()]


def _classes(fields: dict[str, str], columns: list[str]) -> list[ClassSnapshot]:
    names = fields["names"].split()
    vectors = {name: _vector(fields, name) for name in ("draining_pools", "failed_pools", "draining_sessions")}
    tallies = {
        name.removeprefix(TOKEN_COUNT_PREFIX): _vector(fields, name)
        for name in sorted(fields)
        if name.startswith(TOKEN_COUNT_PREFIX)
    }
    vectors["green"] = _vector(fields, "green") or [0] * len(names)
    leased = {word: _vector(fields, f"pools_{word}") for word in LIVENESS}
    guards = _vector(fields, "guard")
    return [
        ClassSnapshot(
            name=name,
            counts=[int(number) for number in columns[i].split()],
            assigned={token: counts[i] for token, counts in tallies.items()},
            leased_pools={word: counts[i] for word, counts in leased.items()},
            guard=GUARDS[guards[i]],
            **{field: vector[i] for field, vector in vectors.items()},
        )
        for i, name in enumerate(names)
    ]


def _types(fields: dict[str, str]) -> list[TypeSnapshot]:
    names = fields.get("type_names", "").split()
    counts = {name: _vector(fields, f"type_{name}") for name in ("sessions", "others", "assigned")}
    inside, width = _vector(fields, "type_held"), len(fields["names"].split())
    refused = {reason: _vector(fields, f"type_refused_{word}") for word, reason in TYPE_REFUSALS.items()}
    return [
        TypeSnapshot(
            name=name,
            sessions=counts["sessions"][t],
            inside=inside[t * width : (t + 1) * width],
            other_sessions=counts["others"][t],
            assigned=counts["assigned"][t],
            refused={reason: numbers[t] for reason, numbers in refused.items()},
        )
        for t, name in enumerate(names)
    ]


def parse_past(present: Integrals, lines: Sequence[str]) -> list[Integrals]:
    """Parse lines of the history, newest first. Damaged ones, which an audit finds, are left out."""
    kept = [present]
    for text in lines:
        with suppress(TypeError, ValueError):
            line = parse_integrals(present.store_epoch, text)
            if _precedes(line, kept[-1]) or (line.time == present.time and len(kept) == 1):
                kept.append(line)
    return kept[1:]


def _precedes(line: Integrals, newer: Integrals) -> bool:
    """Whether a line can be of an earlier instant: no integral has fallen since. ValueError if their number differs."""
    is_comparable = line.utilities_version == newer.utilities_version
    pairs = zip(_growing(line), _growing(newer), strict=True) if is_comparable else ()
    return line.time < newer.time and all(sum(before) <= sum(after) for before, after in pairs)


def _growing(line: Integrals) -> list[tuple[float, float]]:
    return [line.sessions, *line.pools, *(line.types.sessions if line.types else ())]


def parse_integrals(store_epoch: int, line: str) -> Integrals:
    """Parse a line of `lua/fleets/history.lua`, or of its `integrals`."""
    line, _, counts = line.partition("#")
    totals, _, sums = line.partition("|")
    integrals, *of_types = totals.split("/")
    version, time, *rest = integrals.split()
    pairs = _pairs(rest)
    added = [float(number) for number in sums.split()]
    return Integrals(
        store_epoch=store_epoch,
        utilities_version=int(version),
        time=int(time),
        sessions=pairs[0],
        utility=pairs[1],
        optimum=pairs[2],
        pools=tuple(pairs[3:]),
        differences=Differences.from_numbers(*added) if added else None,
        types=_type_integrals(of_types, len(pairs) - 3),
        arrivals=_arrivals(counts) if counts else None,
    )


def _type_integrals(parts: list[str], classes: int) -> TypeIntegrals | None:
    if not parts:
        return None
    compatibility, *sessions = _pairs(parts[0].split())
    intervals = tuple(parse_interval(numbers, classes) for numbers in parts[1:])
    if any(len(interval.sessions) != len(sessions) for interval in intervals):
        raise ValueError("an interval without a number of each type")
    return TypeIntegrals(compatibility=compatibility, sessions=tuple(sessions), intervals=intervals)


def parse_interval(numbers: str, classes: int) -> Interval:
    """Parse the numbers of an interval, see `lua/fleets/intervals.lua`."""
    return Interval.of([float(number) for number in numbers.split()], classes)


def _pairs(words: list[str]) -> list[tuple[float, float]]:
    numbers = [float(word) for word in words]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _arrivals(counts: str) -> Arrivals:
    assigned, full, inactive, ids = map(int, counts.split())
    return Arrivals(assigned, full, inactive, ids)


def configured(reply: Reply) -> Configured:
    """Parse the reply of `put`."""
    _, version, created = reply
    return Configured(config_version=int(version), created=bool(int(created)))


def ticked(reply: Reply) -> Ticked:
    """Parse the reply of `tick`."""
    outcome, first, word, audit, turn, interval, held, micros = reply
    suspect = Suspect(ours=bool(first), blocked=word) if outcome == "SUSPECT" else None
    return Ticked(
        suspect=suspect,
        remain=bool(first) and not suspect,
        recent=word == "recent" and not suspect,
        audit=audit,
        turn_seconds=turn / MICROSECONDS,
        held_seconds=held / MICROSECONDS,
        seconds=micros / MICROSECONDS,
        interval=interval,
    )


def event(text: str) -> Event:
    """Parse an event of `lua/state/events.lua`. Unknown fields, which a newer version may have written, are ignored."""
    payload = json.loads(text)
    refusal = REFUSALS.get(payload["outcome"])
    outcome = refusal.code if refusal else payload["outcome"].lower()
    facts = {name: _facts(payload.get(name)) for name in ("before", "after")}
    fields = {name: payload.get(name) for name in Event.__dataclass_fields__}
    return Event(**fields | facts | {"outcome": outcome})


def _facts(payload: dict[str, Any] | None) -> Facts | None:
    return None if payload is None else Facts(**{name: payload.get(name) for name in Facts.__dataclass_fields__})
