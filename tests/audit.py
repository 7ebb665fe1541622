"""Recomputes the invariants of a fleet from its raw keys: pools, totals, token bits, types, leases.

It reads all keys in one step of the server, so traffic and ticks may go on, and shares no code with what writes them.
Each violation is a sentence; an empty list means that all hold.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from fractions import Fraction

from redis.exceptions import RedisError

from testbed.servers import TextRedis
from tests.rawfleet import PLACES, Fleet, Pool

FLEET_KEYS = (
    *(
        "fleet",
        "document",
        "tables",
        "records",
        "names",
        "addresses",
        "labels",
        "sessions",
        "yellow",
        "types",
        "timers",
    ),
    *("ended:0", "ended:1", "early", "refused", "forgotten", "events", "quality", "restored", "aside"),
    *("past:60", "past:300", "past:3600"),
)
CLASS_KEYS = ["used", "pools", "quiet", "leaving", "green", "lost", "sampled"]
ENDED = ("completed", "expired", "failed", "reported_ended", "pool_gone")
MAX_STEP = 5_000_000
"""Microseconds by which a heartbeat may be ahead of the state, which it does not write."""


def violations(redis: TextRedis, name: str) -> list[str]:
    """Every broken invariant of fleet `name` at one instant; `redis` decodes as latin-1 so that rows survive."""
    found: list[str] = []
    try:
        fleet = Fleet(redis, name)
        for check in (
            _check_pools,
            _check_totals,
            _check_tokens,
            _check_leases,
            _check_timers,
            _check_types,
            _check_keys,
        ):
            check(fleet, found)
    except (ArithmeticError, LookupError, RedisError, TypeError, ValueError) as error:
        found.append(f"cannot be looked at further: {error!r}")
    return found


def _claim(found: list[str], sentence: str, actual: object, expected: object) -> None:
    if actual != expected:
        found.append(f"{sentence}: {actual!r}, expected {expected!r}")


def _set_of(pool: Pool) -> str:
    if not pool.serves:
        return "leaving"
    return "quiet" if pool.letter == "u" else "pools"


def _check_pools(fleet: Fleet, found: list[str]) -> None:
    """Sets of ids from the session records; sorted sets, names and places from the pool records; counts by class."""
    recorded: dict[str, set[str]] = {}
    for session, record in fleet.sessions.items():
        recorded.setdefault(record[0], set()).add(session)
    _claim(found, "pools of sessions that do not exist", sorted(recorded.keys() - fleet.pools.keys()), [])
    names = {pool.number: pool_id for pool_id, pool in fleet.pools.items()}
    _claim(found, "names", fleet.hash("names"), names)
    sets: dict[str, dict[str, float]] = {}
    used: list[set[int]] = [set() for _ in fleet.ids]
    counts = [Counter[str]() for _ in fleet.ids]
    for pool_id, pool in fleet.pools.items():
        i, place = fleet.place(pool)
        used[i].add(place)
        ids = fleet.members(f"ids:{pool.number}")
        _claim(found, f"ids of {pool_id}", ids, recorded.get(pool_id, set()))
        if ids or pool.serves:
            sets.setdefault(f"{_set_of(pool)}:{fleet.ids[i]}", {})[pool.number] = len(ids)
        away = pool.status == "a" and not pool.serves
        counts[i][{"d": "draining_pools", "f": "failed_pools"}.get(pool.status, "draining_pools" if away else "")] += 1
        if pool.status == "a" and pool.letter in "alg":
            counts[i][{"a": "pools_alive", "l": "pools_lost", "g": "pools_gone"}[pool.letter]] += 1
        if pool.letter == "u" and not pool.serves:
            found.append(f"{pool_id} is unconfirmed and not in service")
    for i, number in enumerate(fleet.ids):
        _claim(found, f"used:{number}", fleet.row(f"used:{number}"), used[i])
        for kind in ("pools", "quiet", "leaving"):
            key = f"{kind}:{number}"
            _claim(found, key, fleet.scores(key), sets.get(key, {}))
        for name in ("draining_pools", "failed_pools", "pools_alive", "pools_lost", "pools_gone"):
            _claim(found, f"{name} of {number}", fleet.of_class(name, number), counts[i][name])
        guarded = fleet.of_class("guard", number) != 0
        _claim(found, f"the guard of {number} is on", guarded, bool(fleet.scores(f"quiet:{number}")))
    addresses, labels = fleet.hash("addresses"), fleet.hash("labels")
    _claim(found, "attributes of no pool", sorted({*addresses, *labels} - {*fleet.pools}), [])
    _claim(found, "forgotten pools", sorted(fleet.scores("forgotten").keys() & fleet.pools.keys()), [])


def _columns(fleet: Fleet) -> list[list[int]]:
    """Occupancies of the pools in service by class."""
    return [[int(x) for kind in ("pools", "quiet") for x in fleet.scores(f"{kind}:{i}").values()] for i in fleet.ids]


def _check_totals(fleet: Fleet, found: list[str]) -> None:
    columns = _columns(fleet)
    sessions = sum(map(sum, columns))
    utility = sum(sum(fleet.marginals[i][:x]) for i, column in enumerate(columns) for x in column)
    _claim(found, "sessions", fleet.integer("sessions"), sessions)
    _claim(found, "utility", fleet.integer("utility"), utility)
    for i, number in enumerate(fleet.ids):
        over = sum(max(0, x - fleet.capacities[i]) for x in columns[i])
        _claim(found, f"sessions beyond capacity of {number}", fleet.of_class("over", number), over)
    begun = fleet.integer("assigned") + fleet.integer("adopted")
    _claim(found, "begun and not ended", begun - sum(map(fleet.integer, ENDED)), len(fleet.sessions))
    utility_sum, optimum_sum = (
        Fraction(fleet.state[f"{name}_high"]) + Fraction(fleet.state[f"{name}_low"]) for name in ("utility", "optimum")
    )
    if utility_sum - optimum_sum > abs(optimum_sum) / 10**9:
        found.append(f"mean utility {float(utility_sum)} exceeds its bound {float(optimum_sum)}")
    if fleet.integer("pools_since") > fleet.time:
        found.append("pools are integrated from the future")


def _check_tokens(fleet: Fleet, found: list[str]) -> None:
    """Token bits by definition; under a policy without them there are none."""
    stored = {key: fleet.row(key) for key in fleet.keys if key.startswith("green:") or key == "yellow"}
    bits = {key: places for key, places in stored.items() if places}
    columns = _columns(fleet)
    live = [
        (int(fleet.tables["order"][at : at + 2]) - 1, int(fleet.tables["order"][at + 2 : at + 6]))
        for at in range(0, len(fleet.tables["order"]), 6)
        if columns[int(fleet.tables["order"][at : at + 2]) - 1]
    ]
    if fleet.tables["policy"] not in ("slta", "slta-greedy") or not live:
        _claim(found, "token bits", bits, {})
        return
    estimate = fleet.ids.index(fleet.integer("estimate_class")), fleet.integer("estimate_level")
    better = live[: live.index(estimate)]
    expected = {}
    for i, number in enumerate(fleet.ids):
        threshold = max((j for c, j in better if c == i), default=0)
        held = fleet.scores(f"pools:{number}").items()
        expected[f"green:{number}"] = {int(n) % PLACES for n, x in held if x < threshold}
        if i == estimate[0]:
            expected["yellow"] = {int(n) % PLACES for n, x in held if x < estimate[1]}
    _claim(found, "token bits", bits, {key: places for key, places in expected.items() if places})


def _check_leases(fleet: Fleet, found: list[str]) -> None:
    leased: dict[str, set[str]] = {}
    for session, (_, _, _, lease, due, level, token) in fleet.sessions.items():
        _claim(found, f"{session} has a lease", int(due) > 0, int(lease) > 0)
        if int(level) < 1 or token not in "gyno-":
            found.append(f"{session} was placed at {level} by {token}")
        if int(due) > 0:
            leased.setdefault("leases:" + due, set()).add(session)
            if not fleet.integer("next_due") <= int(due) <= (fleet.time + int(lease)) // 1_000_000 + 1:
                found.append(f"the lease of {session} ends when it cannot")
    stored = {key: fleet.members(key) for key in fleet.keys if key.startswith("leases:")}
    _claim(found, "leases", stored, leased)
    ended = fleet.hash("ended:0").keys() | fleet.hash("ended:1").keys()
    ended |= {id_ for id_, forgotten in fleet.scores("early").items() if forgotten > fleet.time}
    _claim(found, "both live and ended", ended & set(fleet.sessions), set())
    for name in ("early", "refused"):
        _claim(found, name, fleet.integer(name), len(fleet.scores(name)))


def _check_timers(fleet: Fleet, found: list[str]) -> None:
    timers = fleet.scores("timers")
    leases = {pool_id: pool for pool_id, pool in fleet.pools.items() if pool.letter != "-"}
    for pool_id, pool in leases.items():
        if pool.status != "f" and pool.letter in "al" and pool_id not in timers:
            found.append(f"the lease of {pool_id} never ends")
        if pool.letter == "u" and pool_id in timers:
            found.append(f"{pool_id} is unconfirmed and has a timer")
        if pool.letter == "a" and timers.get(pool_id, 0) > fleet.time + MAX_STEP + 1_250_000 * pool.ttl:
            found.append(f"the lease of {pool_id} ends later than it can")
    drains = {pool_id for pool_id, pool in fleet.pools.items() if pool.deadline > 0}
    _claim(found, "timers of drains", {m[6:] for m in timers if m.startswith("drain@")}, drains)
    others = {member for member in timers if re.match("(guard|drain)@", member)}
    _claim(found, "timers of no lease", sorted(timers.keys() - leases.keys() - others), [])
    if timers and not 0 < fleet.integer("pool_due") <= min(timers.values(), default=math.inf):
        found.append("a timer of pools is due before the earliest that the fleet knows")


def _check_types(fleet: Fleet, found: list[str]) -> None:
    """Counts by type and class from the session records."""
    stored, numbers = fleet.hash("types"), fleet.type_numbers
    if not fleet.tables["session_types"]:
        _claim(found, "counts of types", stored, {})
        return
    sets = {0: set(fleet.ids)}
    for number, word in zip(numbers[1:], fleet.tables["session_types"].split(), strict=True):
        sets[number] = {fleet.ids[int(c) - 1] for c in word.partition("=")[2].split(",")}
    expected = Counter[str]()
    for session, (pool_id, kind, *_) in fleet.sessions.items():
        pool = fleet.pools[pool_id]
        class_id = fleet.ids[fleet.place(pool)[0]]
        if class_id not in sets.get(int(kind), ()):
            found.append(f"{session} is of type {kind} on class {class_id}")
        expected[f"held:{kind}:{class_id}" if pool.serves else f"others:{kind}"] += 1
    kept = {name: int(count) for name, count in stored.items() if name.startswith(("held:", "others:")) and int(count)}
    _claim(found, "counts of types", kept, dict(expected))


def _check_keys(fleet: Fleet, found: list[str]) -> None:
    if fleet.listed and fleet.name not in fleet.listed:
        found.append("the fleet is on no list")
    _claim(found, "suspect", fleet.state["suspect"], "")
    json.loads(fleet.document["text"])
    known = {*FLEET_KEYS, *(f"{kind}:{number}" for kind in CLASS_KEYS for number in fleet.ids)}
    known |= {f"ids:{pool.number}" for pool in fleet.pools.values()}
    strays = [key for key in fleet.keys if key not in known and not key.startswith("leases:")]
    _claim(found, "stray keys", sorted(strays), [])
    _claim(found, "keys with a time to live", [key for key, raw in fleet.keys.items() if raw.ttl != -1], [])


CHECKS = (_check_pools, _check_totals, _check_tokens, _check_leases, _check_timers, _check_types, _check_keys)
