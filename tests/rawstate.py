"""A fleet's fields from its two raw keys: the layout once more, word by word from docs/architecture.md.

Shares nothing with what writes it but MessagePack, which the server unpacks. Numbers come as text with 17 digits,
vectors as words, as they stand in the cold hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.servers import TextRedis

FLEET_BLOCK = """
tables next_due ended_generation older_ended clock time hold_until sessions utility optimum bound_rank bound_filled
active_pools room_for last_rank sessions_high sessions_low utility_high utility_low optimum_high optimum_low
assigned completed expired learning_steps_up learning_steps_down pools* early_completes pool_list revision incarnation
attribute_list differences_since placed_drawn placed_difference placed_squares reported_drawn reported_difference
reported_squares pool_due unconfirmed
"""
TOKENS = "rank estimate_class estimate_level previous_class min_green yellow green* thresholds*"
REPORTS = "compared_since compared_reports difference left_out_over_capacity left_out_unknown_pool"
POLICY_BLOCKS = {
    "slta": f"{TOKENS} assigned_green* assigned_yellow* assigned_none*",
    "slta-greedy": f"{TOKENS} assigned_green* assigned_yellow*",
    "jlmu": "frontiers* frontier_ranks* open* assigned_open*",
    "observe": f"{REPORTS} frontiers* frontier_ranks* open*",
    "uniform": "uniform_placements assigned_any*",
}
"""Fields in order; a star marks a vector."""
TYPES_BLOCK = """
types type_optimum type_optimum_high type_optimum_low type_sessions+ type_others+ type_assigned+ type_since+ type_high+
type_low+ held* type_filled* type_flow#
"""
"""Of a fleet with session types; a plus marks a vector with a number for each type, a # for each type and class."""

UNPACK = """
local values = { cmsgpack.unpack(redis.call('GET', KEYS[1])) }
for at, value in ipairs(values) do
  values[at] = type(value) == 'number' and string.format('%.17g', value) or value
end
return values
"""
PACK = """
local values = {}
for at, value in ipairs(ARGV) do
  values[at] = tonumber(value) or value
end
redis.call('SET', KEYS[1], cmsgpack.pack(unpack(values)))
"""


def unpack(redis: TextRedis, fleet: str) -> list[str]:
    """The packed string's values as text."""
    values: list[str] = redis.eval(UNPACK, 1, f"{{{fleet}}}:state")
    return values


def pack(redis: TextRedis, fleet: str, values: Sequence[str]) -> None:
    """The inverse."""
    redis.eval(PACK, 1, f"{{{fleet}}}:state", *values)


def places(values: Sequence[str]) -> Mapping[str, slice]:
    """Where each field of the packed string stands in its values."""
    found = {"layout": slice(0, 1), "policy": slice(1, 2), "classes": slice(2, 3)}
    classes, at = int(values[2]), 3
    for block in (FLEET_BLOCK, POLICY_BLOCKS.get(values[1], "")):
        place = at + 1
        for name in block.split():
            width = classes if name.endswith("*") else 1
            found[name.removesuffix("*")] = slice(place, place + width)
            place += width
        at += 1 + int(values[at])
    return found | _types(values, at, classes)


def _types(values: Sequence[str], at: int, classes: int) -> dict[str, slice]:
    found: dict[str, slice] = {}
    if at < len(values) and int(values[at]):
        place, types = at + 1, int(values[at + 1])
        widths = {"*": classes, "+": types, "#": types * classes}
        for name in TYPES_BLOCK.split():
            width = widths.get(name[-1], 1)
            found[name.rstrip("*+#")] = slice(place, place + width)
            place += width
    return found


def named(values: Sequence[str]) -> dict[str, str]:
    """The fields of the packed string by name."""
    return {name: " ".join(values[place]) for name, place in places(values).items()}


def fields(redis: TextRedis, fleet: str) -> dict[str, str]:
    """Every field by name."""
    hot = named(unpack(redis, fleet))
    cold: dict[str, str] = redis.hgetall(f"{{{fleet}}}:cold")
    return cold | hot


def poke(redis: TextRedis, fleet: str, **changes: object) -> None:
    """Give fields other values, wherever they stand."""
    values = unpack(redis, fleet)
    where = places(values)
    for name, value in changes.items():
        if name in where:
            values[where[name]] = str(value).split()
        else:
            redis.hset(f"{{{fleet}}}:cold", name, str(value))
    pack(redis, fleet, values)
