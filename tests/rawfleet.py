"""The raw keys of a fleet as of one instant, read in one step of the server."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, NamedTuple

from redis.exceptions import MovedError

from testbed.servers import TextRedis
from tests import rawstate

FLEETS_KEY = "slta:fleets"
READ = (
    rawstate.VALUES
    + """
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
return { found, values_of(redis.call('GET', prefix .. 'state')) }
"""
)
"""All of a fleet's keys in one step, which nothing can come between; it writes nothing."""


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


class Fleet:
    """The raw keys of one fleet as of one instant, also while others write."""

    def __init__(self, redis: TextRedis, name: str) -> None:
        found, values = redis.eval_ro(READ, 1, f"{{{name}}}:state", name)
        self.listed: set[str] = set()
        with suppress(MovedError):  # another node of a cluster has it
            self.listed = redis.smembers(FLEETS_KEY)
        self.name = name
        self.keys = {key: Key(*rest) for key, *rest in found}
        self.state: dict[str, str] = self.hash("cold") | rawstate.named(values)
        self.names = self.state["names"].split()
        self.numbers = self.vector("numbers")
        self.capacities = self.vector("capacities")
        self.pools = {i: Pool.of(record) for i, record in self.hash("pools").items()}
        self.sessions = {i: record.split() for i, record in self.hash("sessions").items()}

    def _value(self, key: str, kind: str) -> Any:
        """None where the key is not there."""
        found = self.keys.get(key, Key(kind, -1, None))
        if found.kind != kind:
            raise TypeError(f"{key} is a {found.kind}")
        return found.value

    def text(self, key: str) -> str:
        return self._value(key, "string") or ""

    def hash(self, key: str) -> dict[str, str]:
        flat = self._value(key, "hash") or []
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def items(self, key: str) -> list[str]:
        return self._value(key, "list") or []

    def members(self, key: str) -> set[str]:
        return set(self._value(key, "set") or [])

    def scores(self, key: str) -> dict[str, float]:
        flat = self._value(key, "zset") or []
        return dict(zip(flat[::2], map(float, flat[1::2]), strict=True))

    def vector(self, field: str) -> list[int]:
        return [int(float(word)) for word in self.state.get(field, "").split()]

    def integer(self, field: str) -> int:
        return int(float(self.state[field]))

    def row(self, key: str) -> set[int]:
        raw = self.text(key).encode("latin-1")
        return {8 * at + bit for at, byte in enumerate(raw) for bit in range(8) if byte >> (7 - bit) & 1}

    def entries(self, key: str, width: int) -> list[str]:
        text = self.text(key)
        return [text[at : at + width] for at in range(0, len(text), width)]

    def marginals(self, i: int) -> list[int]:
        return [int(entry) for entry in self.entries(f"marginals:{self.numbers[i]}", 18)]
