"""Recomputes a fleet's invariants from its raw keys: pool by pool, then row counts, then totals.

It reads all keys in one step of the server, so traffic and ticks may go on, and shares no code with what writes them.
Each violation is a sentence; an empty list means that all hold.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from redis.exceptions import RedisError

from testbed.servers import TextRedis
from tests import next_audit
from tests.audit_types import check_types
from tests.rawfleet import Fleet

STATE_KEYS = {"state", "cold", "document", "order", "order:full", "bound", "bound:full", "pools", "names", "sessions"}
STATE_KEYS |= {"addresses", "labels", "types", "timers", "forgotten", "marks", "quality", "refused"}
STATE_KEYS |= {"ended:0", "ended:1", "early", "events", "aside", "past:60", "past:300", "past:3600", "yellow"}
CLASS_KEYS = {"used", "active", "green", "open", "ranks", "marginals", "unconfirmed", "lost", "sampled"}
OWN_ROWS = {
    "slta": ("green:", "yellow"),
    "slta-greedy": ("green:", "yellow"),
    "jlmu": ("open:",),
    "observe": ("open:",),
}


MAX_STEP = 5_000_000
"""Microseconds by which a heartbeat may be ahead of the state, which it does not write."""


def violations(redis: TextRedis, name: str) -> list[str]:
    """Every broken invariant of fleet `name` at one instant; `redis` decodes as latin-1 so that rows survive.

    What cannot be computed because something else is damaged is a violation too.
    """
    if redis.exists(f"{{{name}}}:fleet"):
        return next_audit.violations(redis, name)
    found: list[str] = []
    try:
        _check(Fleet(redis, name), found)
    except (ArithmeticError, LookupError, RedisError, TypeError, ValueError) as error:
        found.append(f"cannot be looked at further: {error!r}")
    return found


def _check(fleet: Fleet, found: list[str]) -> None:
    columns = _check_pools(fleet, found)
    _check_totals(fleet, columns, found)
    _check_order(fleet, found)
    check_rows = CHECKS.get(fleet.state["policy"])
    if check_rows:
        check_rows(fleet, columns, found)
    _check_leases(fleet, found)
    _check_liveness(fleet, found)
    _check_placed(fleet, found)
    _check_quality(fleet, found)
    check_types(fleet, found)
    _check_keys(fleet, found)


def _claim(found: list[str], sentence: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        found.append(f"{sentence}: {actual!r}, expected {expected!r}")


def _check_pools(fleet: Fleet, found: list[str]) -> list[dict[int, int]]:
    """Per class, bit → occupancy of the active pools."""
    columns: list[dict[int, int]] = [{} for _ in fleet.numbers]
    used: list[set[int]] = [set() for _ in fleet.numbers]
    recorded: dict[str, set[str]] = {}
    for session, record in fleet.sessions.items():
        recorded.setdefault(record[0], set()).add(session)
    names = fleet.hash("names")
    draining = [0] * len(fleet.numbers)
    failed, away = [0] * len(fleet.numbers), [0] * len(fleet.numbers)
    for pool_id, pool in fleet.pools.items():
        number, bit = divmod(int(pool.number), 65536)
        i = fleet.numbers.index(number)
        used[i].add(bit)
        ids = fleet.members(f"ids:{pool.number}")
        _claim(found, f"ids of {pool_id}", ids, recorded.get(pool.number, set()))
        _claim(found, f"name of {pool_id}", names.get(pool.number), pool_id)
        if len(ids) > fleet.capacities[i]:
            found.append(f"{pool_id} holds {len(ids)} sessions, capacity {fleet.capacities[i]}")
        if pool.serves:
            columns[i][bit] = len(ids)
        else:
            draining[i] += len(ids)
            (failed if pool.status == "f" else away)[i] += 1
    for i, number in enumerate(fleet.numbers):
        _claim(found, f"used:{number}", fleet.row(f"used:{number}"), used[i])
        _claim(found, f"active:{number}", fleet.row(f"active:{number}"), set(columns[i]))
        for level in range(1, fleet.capacities[i] + 1):
            expected = {bit for bit, occupancy in columns[i].items() if occupancy >= level}
            _claim(found, f"level:{number}:{level}", fleet.row(f"level:{number}:{level}"), expected)
    _claim(found, "draining sessions", fleet.vector("draining_sessions"), draining)
    _claim(found, "draining pools", fleet.vector("draining_pools"), away)
    _claim(found, "failed pools", fleet.vector("failed_pools"), failed)
    _claim(found, "names", len(names), len(fleet.pools))
    _check_attributes(fleet, found)
    _check_drains(fleet, found)
    return columns


def _check_attributes(fleet: Fleet, found: list[str]) -> None:
    addresses, labels = fleet.hash("addresses"), fleet.hash("labels")
    _claim(found, "attributes of no pool", sorted({*addresses, *labels} - {*fleet.pools}), [])
    if (addresses or labels) and not fleet.integer("attribute_list"):
        found.append("there are attributes, and their list has no version")
    sizes = {name: len(fleet.hash(name)) for name in ("addresses", "labels")}
    _claim(found, "sizes", {name: fleet.integer(name) for name in sizes}, sizes)
    unfit = [text for text in addresses.values() if not re.fullmatch("[!-+\\--~]{1,255}", text)]
    unfit += [text for text in labels.values() if not isinstance(json.loads(text), dict)]
    _claim(found, "unreadable attributes", unfit, [])


def _check_quality(fleet: Fleet, found: list[str]) -> None:
    """Sums of each level that has samples are those of as many numbers, of pools that the row of its class has."""
    for name, text in fleet.hash("quality").items():
        number, _, level = name.partition(":")
        i = int(number) - 1
        samples, pools, total, squares = map(float, text.split())
        width = fleet.capacities[i] + 1
        bits = [bit for bit in fleet.row(f"sampled:{fleet.numbers[i]}") if bit % width == int(level)]
        _claim(found, f"pools sampled in {name}", pools, len(bits))
        if not (0 < int(level) < width and pools >= 1 and samples * squares >= total**2 * (1 - 1e-9)):
            found.append(f"quality {name} is {text}")


def _check_drains(fleet: Fleet, found: list[str]) -> None:
    """Each deadline is of a pool that drains, or of one that fails by it, and has a timer until it is carried out."""
    time = fleet.integer("time")
    drains = {pool_id: pool for pool_id, pool in fleet.pools.items() if pool.follows or pool.deadline}
    for pool_id, pool in drains.items():
        if pool.status + pool.follows not in ("dl", "df", "ff"):
            found.append(f"{pool_id} has a deadline, and does not drain")
        if not -time <= pool.deadline <= time + 7 * 86_400e6 or not pool.deadline:
            found.append(f"the deadline of {pool_id} is later than it can be")
    timers = {member[6:]: due for member, due in fleet.scores("timers").items() if member.startswith("drain@")}
    due = {pool_id for pool_id, pool in drains.items() if pool.deadline > 0}
    _claim(found, "timers of drains", timers.keys(), due)
    for pool_id in timers.keys() & due:
        pool = drains[pool_id]
        latest = max(pool.deadline, fleet.integer("recovering_until"), time if pool.status == "f" else 0)
        if not pool.deadline <= timers[pool_id] <= latest:
            found.append(f"the timer of the drain of {pool_id} is not at its deadline")


def _check_totals(fleet: Fleet, columns: list[dict[int, int]], found: list[str]) -> None:
    pools = [len(column) for column in columns]
    sessions = sum(sum(column.values()) for column in columns)
    marginals = [fleet.marginals(i) for i in range(len(columns))]
    utility = sum(sum(marginals[i][:x]) for i, column in enumerate(columns) for x in column.values())
    slots = sorted((m for i, column in enumerate(columns) for m in marginals[i] * len(column)), reverse=True)
    _claim(found, "pools", fleet.vector("pools"), pools)
    _claim(found, "active pools", fleet.integer("active_pools"), sum(pools))
    _claim(found, "room", fleet.integer("room_for"), sum(a * c for a, c in zip(pools, fleet.capacities, strict=True)))
    _claim(found, "sessions", fleet.integer("sessions"), sessions)
    _claim(found, "utility", fleet.integer("utility"), utility)
    _claim(found, "optimum", fleet.integer("optimum"), sum(slots[:sessions]))
    if utility > sum(slots[:sessions]):
        found.append("utility exceeds its bound")
    begun = fleet.integer("assigned") + fleet.integer("adopted")
    over = sum(fleet.integer(field) for field in ("completed", "expired", "failed", "reported_ended", "pool_gone"))
    _claim(found, "sessions begun and not ended", begun - over, len(fleet.sessions))
    _claim(found, "sessions on pools", sessions + sum(fleet.vector("draining_sessions")), len(fleet.sessions))
    _claim(found, "clock less time", fleet.integer("clock") - fleet.integer("time"), fleet.integer("lag"))
    _claim(found, "hold_until", fleet.integer("hold_until"), fleet.integer("held_until"))
    _check_integrals(fleet, found)
    _check_differences(fleet, found)


def _check_integrals(fleet: Fleet, found: list[str]) -> None:
    def integral(name: str) -> Fraction:
        return sum((Fraction(float(fleet.state[f"{name}_{part}"])) for part in ("high", "low")), Fraction(0))

    utility, optimum = integral("utility"), integral("optimum")
    if fleet.integer("pools_since") > fleet.integer("time"):
        found.append("pools are integrated from the future")
    if utility - optimum > abs(optimum) / 10**9:
        found.append(f"mean utility {float(utility)} exceeds its bound {float(optimum)}")


def _check_order(fleet: Fleet, found: list[str]) -> None:
    alive = [i for i, pools in enumerate(fleet.vector("pools")) if pools]
    full = [(int(entry[:2]) - 1, int(entry[2:])) for entry in fleet.entries("order:full", 6)]
    live = [(int(entry[:2]) - 1, int(entry[2:])) for entry in fleet.entries("order", 6)]
    _claim(found, "coordinates", sorted(full), [(i, j + 1) for i, c in enumerate(fleet.capacities) for j in range(c)])
    _claim(found, "live order", live, [c for c in full if c[0] in alive])
    _claim(found, "last rank", fleet.integer("last_rank"), len(live))
    for i, number in enumerate(fleet.numbers):
        ranks = [int(entry) for entry in fleet.entries(f"ranks:{number}", 5)]
        _claim(found, f"ranks of class {i}", ranks, [rank + 1 for rank, c in enumerate(live) if c[0] == i])
    bound = [(int(entry[:2]) - 1, int(entry[2:])) for entry in fleet.entries("bound", 20)]
    _claim(found, "bound falls", [m for _, m in bound], sorted((m for _, m in bound), reverse=True))
    by_class = {i: [m for c, m in bound if c == i] for i in alive}
    sessions, place = fleet.integer("sessions"), [1, 0]
    for rank, (i, _) in enumerate(bound, start=1):
        pools = fleet.vector("pools")[i]
        place = [rank, sessions] if 0 <= sessions < pools else place
        sessions -= pools
    if sessions < 0:  # beyond the last entry when exactly full
        _claim(found, "place of the optimum", [fleet.integer("bound_rank"), fleet.integer("bound_filled")], place)
    _claim(found, "bound holds the marginals", by_class, {i: fleet.marginals(i) for i in alive})


def _check_tokens(fleet: Fleet, columns: list[dict[int, int]], found: list[str]) -> None:
    live = [(int(entry[:2]) - 1, int(entry[2:])) for entry in fleet.entries("order", 6)]
    rank = fleet.integer("rank")
    if not live:
        _claim(found, "rank without pools", rank, 0)
        return
    estimate = (fleet.integer("estimate_class") - 1, fleet.integer("estimate_level"))
    _claim(found, "estimate", estimate, live[rank - 1])
    _claim(found, "previous class", fleet.integer("previous_class"), live[rank - 2][0] + 1 if rank > 1 else 0)
    better = live[: rank - 1]
    thresholds = [max((j for c, j in better if c == i), default=0) for i in range(len(columns))]
    _claim(found, "thresholds", fleet.vector("thresholds"), thresholds)
    for i, number in enumerate(fleet.numbers):
        green = {bit for bit, x in columns[i].items() if x < thresholds[i]}
        _claim(found, f"green:{number}", fleet.row(f"green:{number}"), green)
        _claim(found, f"green count of {i}", fleet.vector("green")[i], len(green))
    pool_class, level = live[rank - 1]
    yellow = {bit for bit, x in columns[pool_class].items() if x < level}
    _claim(found, "yellow", fleet.row("yellow"), yellow)
    _claim(found, "yellow count", fleet.integer("yellow"), len(yellow))
    enough = float(fleet.state["beta_coefficient"]) * sum(map(len, columns)) ** float(fleet.state["beta_power"])
    _claim(found, "tokens enough to step down", fleet.integer("min_green"), max(2, math.ceil(enough * (1 - 1e-12))))


def _check_open(fleet: Fleet, columns: list[dict[int, int]], found: list[str]) -> None:
    for i, number in enumerate(fleet.numbers):
        lowest = min(columns[i].values(), default=None)
        at_frontier = set()
        if lowest is not None and lowest < fleet.capacities[i]:
            at_frontier = {bit for bit, x in columns[i].items() if x == lowest}
            _claim(found, f"frontier of {i}", fleet.vector("frontiers")[i], lowest + 1)
            rank = int(fleet.entries(f"ranks:{number}", 5)[lowest])
            _claim(found, f"frontier's rank of {i}", fleet.vector("frontier_ranks")[i], rank)
        _claim(found, f"open:{number}", fleet.row(f"open:{number}"), at_frontier)
        _claim(found, f"open count of {i}", fleet.vector("open")[i], len(at_frontier))


def _check_differences(fleet: Fleet, found: list[str]) -> None:
    """Numbers that differences of so many drawn sessions can have; where sessions are placed, none is negative."""
    observes = fleet.state["policy"] == "observe"
    if fleet.integer("differences_since") > fleet.integer("time"):
        found.append("differences at placing are summed since the future")
    for source, begun in (("placed", "assigned"), ("reported", "adopted")):
        drawn = fleet.integer(f"{source}_drawn")
        total, squares = (Fraction(float(fleet.state[f"{source}_{part}"])) for part in ("difference", "squares"))
        if not 0 <= drawn <= fleet.integer(begun) + observes * fleet.integer("revision"):
            found.append(f"{drawn} sessions were drawn of {fleet.integer(begun)} {source} ones")
        if (total < 0 and not observes) or total**2 * (1 - Fraction(1, 10**9)) > drawn * squares:
            found.append(f"no {drawn} differences add up to {total}, and their squares to {squares}")
        if drawn == 0:
            _claim(found, f"differences of nothing {source}", [total, squares], [0, 0])


def _check_leases(fleet: Fleet, found: list[str]) -> None:
    leased: dict[str, set[str]] = {}
    for session, (_, _, lease, due, *_) in fleet.sessions.items():
        _claim(found, f"{session} has a lease", int(due) > 0, int(lease) > 0)
        if int(due) > 0:
            leased.setdefault("leases:" + due, set()).add(session)
            if int(due) > (fleet.integer("time") + int(lease)) // 1_000_000 + 1:
                found.append(f"the lease of {session} ends later than it can")
            if int(due) < fleet.integer("next_due"):
                found.append(f"the lease of {session} is passed over")
    stored = {key: fleet.members(key) for key in fleet.keys if key.startswith("leases:")}
    _claim(found, "leases", stored, leased)
    ended = fleet.hash("ended:0").keys() | fleet.hash("ended:1").keys()
    _claim(found, "both live and ended", ended & set(fleet.sessions), set())
    early = fleet.scores("early")
    sizes = {name: len(fleet.scores(name)) for name in ("early", "refused")}
    _claim(found, "ids that expire", {name: fleet.integer(name) for name in sizes}, sizes)
    if sizes["refused"] > fleet.integer("refused_ids"):
        found.append("more ids are known as refused than were counted")
    remembered = {id_ for id_, forgotten in early.items() if forgotten > fleet.integer("time")}
    _claim(found, "both live and completed early", remembered & set(fleet.sessions), set())


def _check_liveness(fleet: Fleet, found: list[str]) -> None:
    """Leases of pools: records, timers, counts by class, and rows of unconfirmed pools."""
    leases = {pool_id: pool for pool_id, pool in fleet.pools.items() if pool.letter != "-"}
    timers = fleet.scores("timers")
    _claim(found, "pools that are forgotten", sorted(fleet.scores("forgotten").keys() & fleet.pools.keys()), [])
    counts: list[Counter[str]] = [Counter() for _ in fleet.numbers]
    doubted: list[set[int]] = [set() for _ in fleet.numbers]
    for pool_id, pool in leases.items():
        number, bit = divmod(int(pool.number), 65536)
        i = fleet.numbers.index(number)
        if pool.status == "a" or pool.letter == "u":
            counts[i][pool.letter] += 1
        if not 2 <= pool.ttl <= 3600:
            found.append(f"the lease of {pool_id} has a length that cannot be")
        if pool.letter == "a" and timers.get(pool_id, 0) > fleet.integer("time") + MAX_STEP + 1_250_000 * pool.ttl:
            found.append(f"the lease of {pool_id} ends later than it can")
        if pool.letter == "u":
            doubted[i].add(bit)
        if max(pool.since, pool.listed) > fleet.integer("time") + MAX_STEP:
            found.append(f"the lease of {pool_id} changed in the future")
        if pool.status != "f" and pool.letter in "al" and pool_id not in timers:
            found.append(f"the lease of {pool_id} never ends")
        if pool.letter == "u" and pool_id in timers:
            found.append(f"{pool_id} is unconfirmed and has a timer")
    others = {member for member in timers if re.match("(guard|drain)@", member)}
    _claim(found, "timers of no lease", sorted(timers.keys() - leases.keys() - others), [])
    _check_liveness_of_classes(fleet, counts, doubted, found)
    first = min(timers.values(), default=math.inf)
    due = fleet.integer("pool_due")
    if timers and not 0 < due <= first:
        found.append(f"the first timer of pools is {first}, before {due}")


def _check_liveness_of_classes(
    fleet: Fleet, counts: Sequence[Counter[str]], doubted: Sequence[set[int]], found: list[str]
) -> None:
    for i, number in enumerate(fleet.numbers):
        stored = {word[0]: fleet.vector(f"pools_{word}")[i] for word in ("alive", "unconfirmed", "lost", "gone")}
        _claim(found, f"liveness of pools of {number}", stored, {letter: counts[i][letter] for letter in "aulg"})
        _claim(found, f"unconfirmed:{number}", fleet.row(f"unconfirmed:{number}"), doubted[i])
        _claim(found, f"the guard of {number} is off", fleet.vector("guard")[i] == 0, not doubted[i])
    _claim(found, "unconfirmed", fleet.integer("unconfirmed"), sum(map(len, doubted)))


def _check_placed(fleet: Fleet, found: list[str]) -> None:
    """A record ends with the pool's id, or with one word more: the level that was taken, and the token's letter."""
    for session, (_, _, _, _, _, *further) in fleet.sessions.items():
        if further and not re.fullmatch("([1-9][0-9]{0,3}[a-z]?)?( ?t[1-9][0-9]*)?", " ".join(further)):
            found.append(f"{session} was placed at {further}")


def _check_keys(fleet: Fleet, found: list[str]) -> None:
    if fleet.listed and fleet.name not in fleet.listed:
        found.append("the fleet is on no list")
    _claim(found, "suspect", fleet.state["suspect"], "")
    json.loads(fleet.text("document"))
    known = set(STATE_KEYS)
    for number, capacity in zip(fleet.numbers, fleet.capacities, strict=True):
        known |= {f"{kind}:{number}" for kind in CLASS_KEYS} | {f"level:{number}:{j + 1}" for j in range(capacity)}
    known |= {f"ids:{pool.number}" for pool in fleet.pools.values()}
    foreign = tuple({row for rows in OWN_ROWS.values() for row in rows} - {*OWN_ROWS.get(fleet.state["policy"], ())})
    known = {key for key in known if not key.startswith(foreign)}
    for key, raw in fleet.keys.items():
        if key not in known and not key.startswith("leases:"):
            found.append(f"stray key {key}")
        if raw.ttl != -1:
            found.append(f"{key} has a time to live")


CHECKS = {"slta": _check_tokens, "slta-greedy": _check_tokens, "jlmu": _check_open, "observe": _check_open}
