"""Damage to plant in a fleet's keys, by scene and kind: a name in words, and what does it, to the fleet `FLEET`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from testbed.servers import TextRedis
from tests import rawstate
from tests.store.fleets import FLEET

Plant = Callable[[TextRedis], object]
RECORD = "{number} {status}{liveness}{flags}{follows} {since} {ttl} {listed} {deadline}"
POOL = re.compile(
    r"(?P<number>\S+) (?P<status>.)(?P<liveness>.)(?P<flags>[mnz]*)(?P<follows>[lf]?) "
    r"(?P<since>\S+) (?P<ttl>\S+) (?P<listed>\S+) (?P<deadline>\S+)"
)
"""A pool's record, also with a damaged word."""


def key(name: str) -> str:
    return f"{{{FLEET}}}:{name}"


def add(field: str, by: int) -> Plant:
    """A number of the state, of a vector the first one, becomes another."""

    def plant(redis: TextRedis) -> None:
        first, *rest = rawstate.fields(redis, FLEET)[field].split()
        rawstate.poke(redis, FLEET, **{field: " ".join([str(int(float(first)) + by), *rest])})

    return plant


def poke(**changes: object) -> Plant:
    return lambda redis: rawstate.poke(redis, FLEET, **changes)


def flip(row: str, bit: int) -> Plant:
    return lambda redis: redis.setbit(key(row), bit, 1 - redis.getbit(key(row), bit))


def past(word: int, text: str, name: str = "past:60") -> Plant:
    """One word of the newest line of a history becomes another."""

    def plant(redis: TextRedis) -> None:
        words = redis.lindex(key(name), 0).split(" ")
        redis.lset(key(name), 0, " ".join([*words[:word], text, *words[word + 1 :]]))

    return plant


def drop(name: str) -> Plant:
    return lambda redis: redis.delete(key(name))


def retype(name: str) -> Plant:
    """The key has another type."""

    def plant(redis: TextRedis) -> None:
        redis.delete(key(name))
        redis.zadd(key(name), {"x": 1})

    return plant


def record(word: int, text: str) -> Plant:
    """One word of the record of session s0 becomes another."""

    def plant(redis: TextRedis) -> None:
        words = redis.hget(key("sessions"), "s0").split()
        words[word] = text
        redis.hset(key("sessions"), "s0", " ".join(words))

    return plant


def pool(pool_id: str, **words: str) -> Plant:
    """Words of a pool's record become others."""

    def plant(redis: TextRedis) -> None:
        stored = POOL.fullmatch(redis.hget(key("pools"), pool_id))
        assert stored
        redis.hset(key("pools"), pool_id, RECORD.format_map({**stored.groupdict(), **words}))

    return plant


def of_pool_of_s0(redis: TextRedis) -> str:
    return str(redis.hget(key("sessions"), "s0").split()[0])


def off_its_lease(redis: TextRedis) -> None:
    redis.srem(key("leases:" + redis.hget(key("sessions"), "s0").split()[3]), "s0")


def due_in_30_years(redis: TextRedis) -> None:
    off_its_lease(redis)
    record(3, "946080000")(redis)
    redis.sadd(key("leases:946080000"), "s0")


def move_due(redis: TextRedis) -> None:
    """The record of s0 tells another second than the set that s0 is in."""
    record(3, str(int(redis.hget(key("sessions"), "s0").split()[3]) - 1))(redis)


def types(field: str, value: str) -> Plant:
    return lambda redis: redis.hset(key("types"), field, value)


def type_of_a(word: str) -> Plant:
    """The record of session a, which is of type t1, has another."""

    def plant(redis: TextRedis) -> None:
        redis.hset(key("sessions"), "a", redis.hget(key("sessions"), "a").replace(" t1", f" {word}"))

    return plant


def drop_all(pattern: str) -> Plant:
    return lambda redis: redis.delete(*redis.keys(key(pattern)))


def lease_of_the_document(redis: TextRedis) -> None:
    redis.set(key("document"), redis.get(key("document")).replace('"lease_seconds": 300', '"lease_seconds": 301'))


Kinds = Mapping[str, Mapping[str, Plant]]

SLTA: Kinds = {
    "rows": {
        "a bit of a level row set": flip("level:1:4", 3),
        "a bit of a level row cleared": flip("level:0:1", 1),
        "a level row deleted": drop("level:1:1"),
        "a level row of another type": retype("level:0:1"),
        "two bits of a level row exchanged": lambda redis: (flip("level:0:2", 0)(redis), flip("level:0:2", 1)(redis)),
        "a bit of a level row beyond the pools": flip("level:0:1", 900),
        "a bit of an active row": flip("active:0", 2),
        "the active rows deleted": lambda redis: redis.delete(key("active:0"), key("active:1")),
        "a bit of a used row": flip("used:1", 1),
        "the used row deleted": drop("used:0"),
        "a bit of a token row": flip("green:1", 2),
        "the yellow row deleted": drop("yellow"),
        "a token row of another type": retype("green:0"),
        "a row that is not the policy's": lambda redis: redis.set(key("open:0"), "\0"),
        "a level beyond the capacity": lambda redis: redis.set(key("level:0:5"), "\0"),
    },
    "attributes": {
        "an address of no pool": lambda redis: redis.hset(key("addresses"), "nobody", "10.0.0.1:80"),
        "an address with a space": lambda redis: redis.hset(key("addresses"), "small-0", "10.0.0.1 80"),
        "labels that are no JSON": lambda redis: redis.hset(key("labels"), "small-0", "{zone"),
        "an address unknown to the state": lambda redis: redis.hset(key("addresses"), "small-0", "10.0.0.1:80"),
        "the labels of another type": retype("labels"),
        "the addresses deleted": drop("addresses"),
        "the labels deleted": drop("labels"),
    },
    "samples of quality": {
        "a sample of no level": lambda redis: redis.hset(key("quality"), "1:99", "3 3 3 3"),
        "samples that nobody can read": lambda redis: redis.hset(key("quality"), "1:1", "0 0 0 rubbish"),
        "samples of no pool": lambda redis: redis.hset(key("quality"), "1:1", "30 0 30 30"),
        "the samples of another type": retype("quality"),
        "samples whose squares are too small": lambda redis: redis.hset(key("quality"), "1:1", "3 3 180 4800"),
        "a bit of a pool without samples": flip("sampled:1", 5),
        "a row of samples of another type": retype("sampled:0"),
    },
    "deadlines of drains": {
        "a deadline deleted": pool("large-3", follows="", deadline="0"),
        "a timer of a drain of no pool": lambda redis: redis.zadd(key("timers"), {"drain@nobody": 9e8}),
        "a deadline of an active pool": pool("small-1", follows="f", deadline="900000000"),
        "a deadline that nobody can read": pool("large-3", deadline="x"),
        "a deadline in 30 years": pool("large-3", deadline=str(10**15)),
        "a deadline without what follows": pool("large-3", follows=""),
        "a deadline without a timer": lambda redis: redis.zrem(key("timers"), "drain@large-3"),
        "a deadline with a later timer": lambda redis: redis.zincrby(key("timers"), 36e8, "drain@large-3"),
        "a deadline with an earlier timer": lambda redis: redis.zincrby(key("timers"), -18e8, "drain@large-3"),
        "the timers deleted": drop("timers"),
        "the timers of another type": lambda redis: (redis.delete(key("timers")), redis.sadd(key("timers"), "x")),
    },
    "leases of pools": {
        "a lease of a pool deleted": pool("small-1", liveness="-", since="0", ttl="0", listed="0"),
        "a lease of 0 µs": pool("small-1", ttl="0"),
        "a lease of 10^30 µs": pool("small-1", ttl=str(10**30)),
        "a timer in 30 years": lambda redis: redis.zadd(key("timers"), {"small-1": 10**15}),
        "pools counted as alive - 2": poke(pools_alive="0 0"),
        "pools counted as lost below 0": poke(pools_lost="-9 0"),
        "a pool counted as gone": poke(pools_gone="0 1"),
        "a pool that is forgotten": lambda redis: redis.zadd(key("forgotten"), {"small-1": 1}),
        "a guard that is on without unconfirmed pools": poke(guard="1 0"),
    },
    "totals": {
        "sessions + 5": add("sessions", 5),
        "utility + 10 %": lambda redis: add("utility", int(rawstate.fields(redis, FLEET)["utility"]) // 10)(redis),
        "optimum - 1": add("optimum", -1),
        "the optimum's place moved": add("bound_rank", 1),
        "r := 1": poke(rank=1),
        "r := 99999": poke(rank=99999),
        "yellow tokens + 1": add("yellow", 1),
        "a threshold + 1": add("thresholds", 1),
        "active pools - 1": add("active_pools", -1),
        "room + 1": add("room_for", 1),
        "assigned + 1": add("assigned", 1),
        "draining sessions + 1": add("draining_sessions", 1),
        "failed pools + 1": add("failed_pools", 1),
        "draining pools - 1": poke(draining_pools="0 0"),
        "pools integrated from the future": poke(pools_since=10**15),
        "tokens to step down + 1": add("min_green", 1),
        "the class before": add("previous_class", 1),
        "the integral of U above that of U*": add("utility_high", 10**25),
        "the low part of an integral": poke(sessions_low=3),
        "the integral of the sessions fallen": add("sessions_high", -(10**7)),
        "a count below 0": poke(learning_steps_down=-5),
        "placements above the sessions assigned": poke(assigned_green="1000 0"),
        "a generation that is none": poke(ended_generation=3),
        "another incarnation": add("incarnation", 1),
        "the revision below the fork": lambda redis: (
            redis.hset(key("cold"), "incarnations", f"{rawstate.fields(redis, FLEET)['incarnation']}:1:99"),
        ),
    },
    "time and leases": {
        "next_due ahead": poke(next_due=10**9),
        "fleet time ahead by 300 years": poke(time=10**16),
        "fleet time at 0": poke(time=0),
        "no lease ends for 30 years": poke(hold_until=10**15),
        "the clock 3 s back": add("clock", -3 * 10**6),
        "fleet time ahead by 3 s": add("time", 3 * 10**6),
        "leases are held no more": poke(hold_until=-1),
        "the last rank - 1": add("last_rank", -1),
        "a lease taken off its set": off_its_lease,
        "a due second 30 years ahead": due_in_30_years,
        "a lease of nobody": lambda redis: redis.sadd(key("leases:77"), "ghost"),
        "a lease due at another second": move_due,
        "a set of leases deleted": lambda redis: redis.delete(*redis.keys(key("leases:*"))),
    },
    "sessions": {
        "an unreadable record": lambda redis: redis.hset(key("sessions"), "s0", "rubbish"),
        "a record on another pool": record(0, "0"),
        "a record of a pool that is not there": record(4, "nowhere"),
        "a record that began in the future": record(1, str(10**15)),
        "a record whose level and token nobody can read": record(5, "green"),
        "a record deleted": lambda redis: redis.hdel(key("sessions"), "s0"),
        "a record of nobody": lambda redis: redis.hset(key("sessions"), "ghost", "0 0 0 0 small-1"),
        "a time to live on sessions": lambda redis: redis.expire(key("sessions"), 10_000),
        "a set of ids deleted": lambda redis: redis.delete(key("ids:" + of_pool_of_s0(redis))),
        "an id in the set of another pool": lambda redis: redis.sadd(key("ids:65538"), "s0"),
        "a session that is also ended": lambda redis: redis.hset(key("ended:0"), "s0", "completed small-1"),
        "a session completed before its assign": lambda redis: redis.zadd(key("early"), {"s0": 1e15}),
        "a level that is none": record(5, "0g"),
        "a refused id more": lambda redis: redis.zadd(key("refused"), {"s9": 1e15}),
        "an uncounted refused id": lambda redis: (redis.zadd(key("refused"), {"s9": 1e15}), poke(refused=1)(redis)),
    },
    "pools": {
        "a pool's record deleted": lambda redis: redis.hdel(key("pools"), "large-2"),
        "a pool's record unreadable": lambda redis: redis.hset(key("pools"), "large-2", "rubbish"),
        "a pool's status": pool("small-2", status="d"),
        "a pool with the number of another": pool("small-1", number="1"),
        "all records of pools deleted": drop("pools"),
        "a name exchanged": lambda redis: redis.hset(key("names"), "0", "small-2"),
        "a name without a pool": lambda redis: redis.hset(key("names"), "99", "ghost"),
        "all names deleted": drop("names"),
    },
    "tables and settings": {
        "the order's first entry": lambda redis: redis.setrange(key("order"), 0, " 2   3"),
        "the full order cut": lambda redis: redis.set(key("order:full"), redis.get(key("order:full"))[:-6]),
        "a marginal utility": lambda redis: redis.setrange(key("marginals:0"), 16, "99"),
        "a rank": lambda redis: redis.setrange(key("ranks:1"), 4, "9"),
        "the bound's table": lambda redis: redis.setrange(key("bound:full"), 18, "77"),
        "the live bound": lambda redis: redis.setrange(key("bound"), 18, "77"),
        "the live order": lambda redis: redis.set(key("order"), redis.get(key("order"))[6:]),
        "the tables' digest": add("tables", 1),
        "the capacities": poke(capacities="1 4"),
        "the default lease": poke(lease=1),
        "another lease in the document": lease_of_the_document,
        "the document cut": lambda redis: redis.set(key("document"), redis.get(key("document"))[:-9]),
    },
    "the state and the lists": {
        "a number of the state lost": lambda redis: redis.hdel(key("cold"), "retention"),
        "all cold numbers lost": drop("cold"),
        "the state lost": drop("state"),
        "the state unreadable": lambda redis: redis.set(key("state"), "\x93"),
        "the state of another type": retype("state"),
        "a layout that is no number": poke(layout="x"),
        "a clock that is no number": poke(clock="x"),
        "a history that is none": lambda redis: redis.lset(key("past:60"), 0, "rubbish"),
        "a history of another type": retype("past:60"),
        "a line of the history twice": lambda redis: redis.rpush(key("past:60"), redis.lindex(key("past:60"), -1)),
        **{f"word {at} of a history's newest line": past(at, "7p") for at in range(12)},
        "a history from the future": past(1, str(10**15)),
        "a longer history from the future": past(1, str(10**15), "past:3600"),
        "an event that nobody can read": lambda redis: redis.lset(key("events"), 0, "rubbish"),
        "the events of another type": retype("events"),
        "a stray key": lambda redis: redis.set(key("scratch"), "x"),
        "a set of ids of no pool": lambda redis: redis.sadd(key("ids:4711"), "ghost"),
        "suspect": poke(suspect="an error inside an operation"),
        "the name struck off the list": lambda redis: redis.srem("slta:fleets", FLEET),
        "a time to live on the list of fleets": lambda redis: redis.expire("slta:fleets", 10_000),
        "the list of fleets of another type": lambda redis: (
            redis.delete("slta:fleets"),
            redis.set("slta:fleets", "x"),
        ),
    },
    "keys lost": {
        "all sets of ids deleted": drop_all("ids:*"),
        "the document deleted": drop("document"),
        "the live order deleted": drop("order"),
        "the full order deleted": drop("order:full"),
        "the live bound deleted": drop("bound"),
        "the full bound deleted": drop("bound:full"),
        "ranks deleted": drop("ranks:0"),
        "marginal utilities deleted": drop("marginals:0"),
        "green tokens deleted": drop("green:0"),
        "all records of sessions deleted": drop("sessions"),
    },
}

JLMU: Kinds = {
    "rows": {
        "an open bit": flip("open:0", 0),
        "the open rows deleted": lambda redis: redis.delete(key("open:0"), key("open:1")),
        "tokens under JLMU": lambda redis: redis.set(key("green:0"), "\0"),
    },
    "totals": {
        "open pools + 1": add("open", 1),
        "a frontier + 1": add("frontiers", 1),
        "a frontier's rank + 1": add("frontier_ranks", 1),
    },
}
TYPED: Kinds = {
    "records": {
        "a type that the fleet does not have": type_of_a("t9"),
        "a type that may not use the class": type_of_a("t2"),
    },
    "types": {
        "the numbers of the types exchanged": types("numbers", "2 1"),
        "the checksum of the types": types("checksum", ""),
        "the types deleted": drop("types"),
        "the types of another type": retype("types"),
        "refusals of no type": types("full:9", "1"),
        "refusals that are no number": types("incompatible:1", "x"),
        "more refusals than the fleet counted": types("inactive:1", "2"),
    },
    "sums": {
        "sessions of types": poke(type_sessions="0 1 2"),
        "sessions of another type": poke(type_sessions="0 2 0"),
        "sessions of types on other pools": poke(type_others="0 1 2"),
        "sessions of another type on other pools": poke(type_others="0 2 0"),
        "sessions by class": poke(held="2 0"),
        "sessions of another type by class": poke(type_held="0 1 1 0 0 0"),
        "sessions of another class by type": poke(type_held="0 0 0 1 0 1"),
        "assigned sessions of a type below 0": poke(type_assigned="0 0 -1"),
        "assigned sessions of types above those of the fleet": poke(type_assigned="0 0 1"),
    },
    "integrals of types": {
        "a sum from the future": poke(type_since="0 0 99999999999999999"),
        "a sum from before its interval": poke(type_since="0 0 0"),
        "an integral below the history's": poke(type_high="0 -9e9 9e9"),
        "the low part of a type's integral": poke(type_low="0 0 9"),
        "a sum that is too large": poke(type_sum="0 0 9e9"),
        "the low part of the bound's integral": poke(compatibility_low="1e20"),
        "the bound's integral below 0": poke(compatibility_high="-1"),
        "the bound's integral above U*": poke(compatibility_high="1e30"),
        "an interval that is none": poke(waiting="1 2"),
    },
}
GUARDED: Kinds = {
    "leases": {
        "a lost pool in service": pool("small-8", liveness="l"),
        "an alive pool out of service": pool("small-1", liveness="a"),
        "a lease that changed in the future": pool("small-8", since="1000000000000000"),
        "a list asked for in the future": pool("small-8", listed="1000000000000000"),
        "a lease that never ends": lambda redis: redis.zrem(key("timers"), "small-8"),
        "a timer of no pool": lambda redis: redis.zadd(key("timers"), {"nobody": 10**9}),
    },
    "counts of leases": {
        "a bit of an unconfirmed pool": flip("unconfirmed:0", 7),
        "no row of unconfirmed pools": drop("unconfirmed:0"),
        "unconfirmed + 1": add("unconfirmed", 1),
        "no pools counted as unconfirmed": poke(pools_unconfirmed="0 0"),
        "more pools counted by liveness than there are": poke(pools_gone="9 0"),
        "the first timer an hour ahead": poke(pool_due=10**12),
        "a gap that ends in 30 years": poke(resumed_at=10**15),
        "a recovery that ends in 30 years": poke(recovering_until=10**15),
    },
}
