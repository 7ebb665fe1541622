"""Invariants of a fleet's session types, from its raw keys."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from tests.rawfleet import Fleet

SUMS = ("sessions", "utility", "optimum", "compatibility", "type")
INTEGRALS = {
    *("time", "type_sessions", "type_since", "type_sum"),
    *(f"{name}_{part}" for name in SUMS for part in ("high", "low")),
}


def check_types(fleet: Fleet, found: list[str]) -> None:
    """Counts by type and class from the session records; the records' types."""
    config = fleet.hash("types")
    words = [word.split("=") for word in config.get("sets", "").split()]
    numbers = [0, *(int(word) for word in config.get("numbers", "").split())]
    every = tuple(range(len(fleet.numbers)))
    sets = [every, *(tuple(int(c) - 1 for c in own.split(",")) for _, own in words)]
    kept = {name: fleet.vector(name) for name in ("type_sessions", "type_others", "held", "type_held")}
    if not words:
        if kept["type_sessions"] or any("t" in record[5:][-1:] for record in fleet.sessions.values()):
            found.append("there are counts or records of types, and no types")
        return
    sessions, others = Counter[tuple[int, int]](), Counter[int]()
    for session, record in fleet.sessions.items():
        number = int(record[-1][1:]) if len(record) > 5 and record[-1].startswith("t") else 0
        pool_class = fleet.numbers.index(int(record[0]) // 65536)
        if number not in numbers or pool_class not in sets[numbers.index(number)]:
            found.append(f"{session} is of type {number} on class {pool_class}")
            continue
        kind = numbers.index(number)
        is_active = fleet.pools[record[4]].serves
        sessions[kind, pool_class] += is_active
        others[kind] += not is_active
    expected = {
        "type_sessions": [sum(sessions[t, c] for c in every) for t in range(len(sets))],
        "type_others": [others[t] for t in range(len(sets))],
        "type_held": [sessions[t, c] for t in range(len(sets)) for c in every],
        "held": [sum(sessions[t, c] for t in range(len(sets))) for c in every],
    }
    found += [f"{name}: {kept[name]}, expected {value}" for name, value in expected.items() if kept[name] != value]
    _check_counters(fleet, config, found)
    _check_integrals(fleet, found)


def _check_counters(fleet: Fleet, config: dict[str, str], found: list[str]) -> None:
    """There are no more assigned and refused sessions of types than of the fleet."""
    totals = {
        "full": ("rejected_no_capacity", [int(count) for name, count in config.items() if name.startswith("full:")]),
        "inactive": ("rejected_no_active_pool", [int(n) for name, n in config.items() if name.startswith("inactive:")]),
        "type_assigned": ("assigned", fleet.vector("type_assigned")),
    }
    for name, (total, counts) in totals.items():
        if min(counts, default=0) < 0 or sum(counts) > fleet.integer(total):
            found.append(f"{name}: {counts}, but {total} is {fleet.integer(total)}")


def _check_integrals(fleet: Fleet, found: list[str]) -> None:
    """Between those of U and of U*(N, A); and, since the newest history line, N_t add up to all sessions."""
    values = {name: list(map(Fraction, text.split())) for name, text in fleet.state.items() if name in INTEGRALS}
    utility, less, optimum = (
        values[f"{name}_high"][0] + values[f"{name}_low"][0] for name in ("utility", "compatibility", "optimum")
    )
    if not 0 <= less <= optimum - utility + abs(optimum) * Fraction(1, 10**9):
        found.append(
            f"the bound's integral is {float(less)} less than {float(optimum)}, and utility's {float(utility)}"
        )
    time = values["time"][0]
    rows = zip(*(values[f"type_{name}"] for name in ("high", "low", "sum", "sessions", "since")), strict=True)
    of_types = sum(high + low + past + count * (time - since) for high, low, past, count, since in rows)
    now = values["sessions_high"][0] + values["sessions_low"][0] - of_types
    for line in fleet.items("past:60")[:1]:
        integrals, _, types = line.partition(" # ")[0].partition("|")[0].partition("/")
        version, _, *before = map(Fraction, integrals.split())
        then = before[0] + before[1] - sum(map(Fraction, types.split("/")[0].split()[2:]))
        if version == fleet.integer("utilities_version") and types and abs(now - then) > 1:
            found.append(f"sessions without a type were integrated: {float(now - then)}")
