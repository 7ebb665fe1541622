"""A fleet's fields from its two raw keys: the layout once more, word by word from docs/maintainers/internals.md.

Shares nothing with what writes it but MessagePack, which the server unpacks. Numbers come as text with 17 digits,
vectors as words, as they stand in the cold hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testbed.servers import TextRedis

FLEET_BLOCK = """
tables next_due ended_generation older_ended clock time hold_until sessions utility optimum bound_rank bound_filled
active_pools room_for last_rank sessions_high sessions_low utility_high utility_low optimum_high optimum_low
assigned completed expired learning_steps_up learning_steps_down pools* early pool_list revision incarnation
attribute_list differences_since placed_drawn placed_difference placed_squares reported_drawn reported_difference
reported_squares pool_due unconfirmed refused
"""
TOKENS = "rank estimate_class estimate_level previous_class min_green yellow green* thresholds*"
POLICY_BLOCKS = {
    "slta": f"{TOKENS} assigned_green* assigned_yellow* assigned_none*",
    "slta-greedy": f"{TOKENS} assigned_green* assigned_yellow*",
    "jlmu": "frontiers* frontier_ranks* open* assigned_open*",
    "observe": "left_out_over_capacity left_out_unknown_pool frontiers* frontier_ranks* open*",
    "uniform": "uniform_placements assigned_any*",
}
"""Fields in order; a star marks a vector."""
TYPES_BLOCK = "types"
"""Of a fleet with session types; behind it packed texts of the classes, of the intervals, and of each type."""
TEXTS = (
    "held*",
    """compatibility_high compatibility_low interval_since interval_optimum_high interval_optimum_low
    type_high^ type_low^ interval_pools* waiting+""",
    "type_sessions type_others type_assigned type_since type_sum type_held*",
)
"""Fields in order; ^ marks one number by type, + all that are left."""

VALUES = """
local function as_text(values)
  for at, value in ipairs(values) do
    values[at] = type(value) == 'number' and string.format('%.17g', value) or value
  end
  return values
end
local function values_of(text)
  local values = { cmsgpack.unpack(text) }
  local types = values[4] and 4 + values[4] + 1
  types = values[types] and types + values[types] + 1
  local kinds = values[types] and values[types] > 0 and values[types + 1]
  for at = kinds and types + 2 or 1, kinds and types + 3 + kinds or 0 do
    values[at] = '[' .. table.concat(as_text({ cmsgpack.unpack(values[at]) }), ' ') .. ']'
  end
  return as_text(values)
end
"""
"""Lua: a packed string's values as text, a packed text in it as "[1 2 3]"."""
UNPACK = VALUES + "return values_of(redis.call('GET', KEYS[1]))"
PACK = """
local function packed(words)
  local values = {}
  for at, word in ipairs(words) do
    local inner = {}
    for number in string.gmatch(string.match(word, '^%[(.*)%]$') or '', '%S+') do
      inner[#inner + 1] = tonumber(number)
    end
    values[at] = inner[1] and cmsgpack.pack(unpack(inner)) or tonumber(word) or word
  end
  return cmsgpack.pack(unpack(values))
end
redis.call('SET', KEYS[1], packed(ARGV))
"""


def unpack(redis: TextRedis, fleet: str) -> list[str]:
    """The packed string's values as text."""
    values: list[str] = redis.eval(UNPACK, 1, f"{{{fleet}}}:state")
    return values


def pack(redis: TextRedis, fleet: str, values: Sequence[str]) -> None:
    """The inverse."""
    redis.eval(PACK, 1, f"{{{fleet}}}:state", *values)


def places(values: Sequence[str]) -> dict[str, slice]:
    """Where each field of the packed string stands in its values, but those in packed texts."""
    found = {"layout": slice(0, 1), "policy": slice(1, 2), "classes": slice(2, 3)}
    classes, at = int(values[2]), 3
    for block in (FLEET_BLOCK, POLICY_BLOCKS.get(values[1], ""), TYPES_BLOCK):
        if at >= len(values) or not int(values[at]):  # no session types, or a wrong length
            break
        found |= _places(block, at + 1, {"*": classes})
        at += 1 + int(values[at])
    return found


def _places(fields: str, at: int, widths: Mapping[str, int]) -> dict[str, slice]:
    found: dict[str, slice] = {}
    for name in fields.split():
        width = widths.get(name[-1], 1)
        found[name.rstrip("*^+")] = slice(at, at + width)
        at += width
    return found


def _texts(values: Sequence[str]) -> slice:
    """Where the packed texts stand."""
    where = places(values).get("types")
    return slice(where.stop, where.stop + 2 + int(values[where.start])) if where else slice(0, 0)


def _of_types(values: Sequence[str]) -> dict[str, list[str]]:
    """The fields in packed texts by name."""
    found: dict[str, list[str]] = {}
    widths = {"*": int(values[2]), "^": len(values[_texts(values)]) - 2, "+": 1000}
    for nth, text in enumerate(values[_texts(values)]):
        words = text.strip("[]").split()
        for name, where in _places(TEXTS[min(nth, 2)], 0, widths).items():
            found.setdefault(name, []).extend(words[where])
    return found


def _as_texts(values: Sequence[str], fields: Mapping[str, Sequence[str]]) -> list[str]:
    """The inverse."""
    texts = []
    for nth in range(len(values[_texts(values)])):
        names = [name.rstrip("*^+") for name in TEXTS[min(nth, 2)].split()]
        width = {"type_held": int(values[2])}
        parts = [(fields[name], width.get(name, 1)) for name in names]
        words = [w for field, n in parts for w in (field if nth < 2 else field[(nth - 2) * n : (nth - 1) * n])]
        texts.append(f"[{' '.join(words)}]")
    return texts


def named(values: Sequence[str]) -> dict[str, str]:
    """The fields of the packed string by name."""
    found = {name: values[place] for name, place in places(values).items()} | _of_types(values)
    return {name: " ".join(words) for name, words in found.items()}


def fields(redis: TextRedis, fleet: str) -> dict[str, str]:
    """Every field by name."""
    if redis.exists(f"{{{fleet}}}:fleet"):
        from tests.store import next_library

        return next_library.fields(redis, fleet)
    hot = named(unpack(redis, fleet))
    cold: dict[str, str] = redis.hgetall(f"{{{fleet}}}:cold")
    return cold | hot


def poke(redis: TextRedis, fleet: str, **changes: object) -> None:
    """Give fields other values, wherever they stand."""
    if redis.exists(f"{{{fleet}}}:fleet"):  # of the next store
        redis.hset(f"{{{fleet}}}:fleet", mapping={name: str(value) for name, value in changes.items()})
        redis.hincrby(f"{{{fleet}}}:fleet", "revision", 1)
        return
    values = unpack(redis, fleet)
    where, of_types = places(values), _of_types(values)
    for name, value in changes.items():
        if name in where:
            values[where[name]] = str(value).split()
        elif name in of_types:
            of_types[name] = str(value).split()
        else:
            redis.hset(f"{{{fleet}}}:cold", name, str(value))
    values[_texts(values)] = _as_texts(values, of_types)
    pack(redis, fleet, values)
