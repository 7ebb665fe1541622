"""The raw keys of a fleet as of one instant, read in one step of the server."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, NamedTuple

from redis.exceptions import MovedError

from testbed.servers import TextRedis

FLEETS_KEY = "slta:fleets"
READ = """
local readers = {
  string = function(key) return redis.call('GET', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
}
local prefix, found = '{' .. ARGV[1] .. '}:', {}
for at, key in ipairs(redis.call('KEYS', prefix .. '*')) do
  local kind = redis.call('TYPE', key).ok
  local value = readers[kind] and readers[kind](key)
  found[at] = { string.sub(key, #prefix + 1), kind, redis.call('PTTL', key), value }
end
return found
"""
"""All of a fleet's keys in one step, which nothing can come between; it writes nothing."""
NOW = (
    *("layout", "incarnation", "revision", "clock", "sessions", "utility"),
    *("sessions_high", "sessions_low", "utility_high", "utility_low", "optimum_high", "optimum_low"),
)
"""Numbers in the field `now`; those that end in _high are of UNIT."""
UNIT = 2**50
PLACES, FIRST_CLASS = 65536, 16
"""Pool numbers: 65,536 · (16 + class id) + place."""


class Key(NamedTuple):
    """A raw key: its type, the time it has to live in ms, -1 for ever, and what it holds as a flat list, or as text."""

    kind: str
    ttl: int
    value: Any


class Pool(NamedTuple):
    """A pool's record: its status and its liveness are letters, the latter "-" without a lease."""

    number: str
    status: str
    letter: str
    flags: str
    follows: str
    since: int
    ttl: int
    listed: int
    deadline: int
    """Negative once the drain is carried out, 0 without one."""

    @classmethod
    def of(cls, record: str) -> Pool:
        """ValueError if it is not one."""
        found = re.fullmatch(r"(\d+) ([adf])([aulg-])([mn]*)([lf]?) (\d+) (\d+) (\d+) (-?\d+)", record)
        if not found:
            raise ValueError(f"the record of a pool is {record!r}")
        number, status, letter, flags, follows, *times = found.groups()
        return cls(number, status, letter, flags, follows, *map(int, times))

    @property
    def serves(self) -> bool:
        """Whether it is in service."""
        return self.status == "a" and self.letter in "-au"


def numbers_of_now(state: dict[str, str]) -> dict[str, str]:
    """The fields of the hash, with the numbers in `now` as if each were one."""
    words = dict(zip(NOW, map(int, state["now"].split()), strict=True))
    return state | {name: str(n * (UNIT if name.endswith("_high") else 1)) for name, n in words.items()}


class Fleet:
    """The raw keys of one fleet as of one instant."""

    def __init__(self, redis: TextRedis, name: str) -> None:
        self.name = name
        self.keys = {key: Key(*rest) for key, *rest in redis.eval_ro(READ, 1, f"{{{name}}}:fleet", name)}
        self.listed: set[str] = set()
        with suppress(MovedError):  # another node of a cluster has it
            self.listed = redis.smembers(FLEETS_KEY)
        self.state, self.tables = numbers_of_now(self.hash("fleet")), self.hash("tables")
        self.document = self.hash("document")
        self.ids = [int(word) for word in self.document["ids"].split()]
        self.type_numbers = [0, *(int(word) for word in self.document["type_numbers"].split())]
        self.capacities = [int(word) for word in self.tables["capacities"].split()]
        self.marginals = [self._column(f"marginals:{number}") for number in self.ids]
        self.pools = {pool_id: Pool.of(record) for pool_id, record in self.hash("records").items()}
        self.sessions = {id_: record.split() for id_, record in self.hash("sessions").items()}
        self.time = self.integer("clock") - self.integer("lag")

    def _column(self, name: str) -> list[int]:
        return [int(self.tables[name][at : at + 18]) for at in range(0, len(self.tables[name]), 18)]

    def _value(self, key: str, kind: str) -> Any:
        found = self.keys.get(key, Key(kind, -1, None))
        if found.kind != kind:
            raise TypeError(f"{key} is a {found.kind}")
        return found.value

    def text(self, key: str) -> str:
        return self._value(key, "string") or ""

    def hash(self, key: str) -> dict[str, str]:
        flat = self._value(key, "hash") or []
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def members(self, key: str) -> set[str]:
        return set(self._value(key, "set") or [])

    def scores(self, key: str) -> dict[str, float]:
        flat = self._value(key, "zset") or []
        return dict(zip(flat[::2], map(float, flat[1::2]), strict=True))

    def row(self, key: str) -> set[int]:
        raw = self.text(key).encode("latin-1")
        return {8 * at + bit for at, byte in enumerate(raw) for bit in range(8) if byte >> (7 - bit) & 1}

    def integer(self, field: str) -> int:
        return int(float(self.state[field]))

    def of_class(self, field: str, number: int) -> int:
        return int(float(self.state.get(f"{field}:{number}", 0)))

    def place(self, pool: Pool) -> tuple[int, int]:
        """Index of a pool's class, and its place in it."""
        number, place = divmod(int(pool.number), PLACES)
        return self.ids.index(number - FIRST_CLASS), place
