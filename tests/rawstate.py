"""A fleet's fields from its raw keys, and how to change one."""

from __future__ import annotations

from testbed.servers import TextRedis
from tests.rawfleet import NOW, UNIT, Fleet, numbers_of_now


def fields(redis: TextRedis, name: str) -> dict[str, str]:
    """The fields of the hash by name, and what follows from others: fleet time, r, tokens, counts by type."""
    fleet = Fleet(redis, name)
    found = dict(fleet.state)
    found |= {"time": str(fleet.time), "utilities": fleet.tables["utilities"]}
    found |= {"type_numbers": fleet.document["type_numbers"]}
    found |= _tokens(fleet) if fleet.tables["policy"] in ("slta", "slta-greedy") else {}
    return found | _types(fleet)


def _tokens(fleet: Fleet) -> dict[str, str]:
    text, served = fleet.tables["order"], {number for number in fleet.ids if _serving(fleet, number)}
    order = [(fleet.ids[int(text[at : at + 2]) - 1], int(text[at + 2 : at + 6])) for at in range(0, len(text), 6)]
    live = [coordinate for coordinate in order if coordinate[0] in served]
    estimate = fleet.integer("estimate_class"), fleet.integer("estimate_level")
    rank = live.index(estimate) + 1 if live else 0
    thresholds = [max((j for c, j in live[: rank - 1] if c == number), default=0) for number in fleet.ids]
    return {
        "rank": str(rank),
        "green": " ".join(str(_below(fleet, *places)) for places in zip(fleet.ids, thresholds, strict=True)),
        "yellow": str(_below(fleet, *estimate)) if live else "0",
        "thresholds": " ".join(map(str, thresholds)),
    }


def _below(fleet: Fleet, number: int, level: int) -> int:
    """Pools of a class in service, unconfirmed ones too, with fewer sessions."""
    return sum(x < level for kind in ("pools", "quiet") for x in fleet.scores(f"{kind}:{number}").values())


def _serving(fleet: Fleet, number: int) -> bool:
    return any(fleet.scores(f"{kind}:{number}") for kind in ("pools", "quiet"))


def _types(fleet: Fleet) -> dict[str, str]:
    if not fleet.tables["session_types"]:
        return {}
    numbers, stored = fleet.type_numbers, fleet.hash("types")
    held = [[int(stored[f"held:{t}:{number}"]) for number in fleet.ids] for t in numbers]
    found = {
        "type_sessions": [sum(row) for row in held],
        "type_assigned": [int(stored[f"assigned:{t}"]) for t in numbers],
        "type_others": [int(stored[f"others:{t}"]) for t in numbers],
        "held": [sum(column) for column in zip(*held, strict=True)],
        "type_held": [count for row in held for count in row],
    }
    return {name: " ".join(map(str, values)) for name, values in found.items()}


def poke(redis: TextRedis, fleet: str, **changes: object) -> None:
    """Give fields of the hash other values, which the library reads by the next call."""
    key = f"{{{fleet}}}:fleet"
    state = numbers_of_now(redis.hgetall(key))
    state |= {"revision": str(int(state["revision"]) + 1), **{name: str(value) for name, value in changes.items()}}
    words = (int(float(state[name])) // (UNIT if name.endswith("_high") else 1) for name in NOW)
    redis.hset(key, mapping={"now": " ".join(map(str, words)), **{n: state[n] for n in changes if n not in NOW}})
