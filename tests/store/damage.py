"""Random damage of any byte of any key: keys, fields and members are found by their Redis type, never by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from testbed.servers import TextRedis

Mutation = Callable[[str, Random], str]


def _flip(text: str, draw: Random) -> str:
    at = draw.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ 1 << draw.randrange(8)) + text[at + 1 :]


def _digit(text: str, draw: Random) -> str:
    """Another digit for one of them; without any, another bit."""
    digits = [at for at, letter in enumerate(text) if letter.isascii() and letter.isdigit()]
    if not digits:
        return _flip(text, draw)
    at = draw.choice(digits)
    return text[:at] + draw.choice("0123456789".replace(text[at], "")) + text[at + 1 :]


def _longer(text: str, draw: Random) -> str:
    at = draw.randrange(len(text) + 1)
    return text[:at] + chr(draw.randrange(256)) + text[at:]


def _shorter(text: str, draw: Random) -> str:
    at = draw.randrange(len(text))
    return text[:at] + text[at + 1 :]


def mutated(text: str, draw: Random) -> str:
    """One byte of a text is another, one more or one less; '' gets one."""
    return draw.choice((_flip, _flip, _digit, _digit, _longer, _shorter))(text, draw) if text else _longer(text, draw)


def words(before: str, after: str) -> str:
    """Which words of a text are others, by position from 0; '' if it has more or fewer."""
    pairs = list(zip(before.split(" "), after.split(" "), strict=False))
    is_like = len(before.split(" ")) == len(after.split(" "))
    return "".join(f" {at}" for at, (one, other) in enumerate(pairs) if is_like and one != other)


def _string(redis: TextRedis, key: str, draw: Random) -> str:
    before: str = redis.get(key)
    after = mutated(before, draw)
    redis.set(key, after)
    return "changed zeros" if before.rstrip("\0") == after.rstrip("\0") else "changed"


def _hash(redis: TextRedis, key: str, draw: Random) -> str:
    field, value = draw.choice(sorted(dict(redis.hscan_iter(key)).items()))
    how = draw.choice(("changed", "changed", "changed", "deleted", "copied", "renamed"))
    if how in ("deleted", "renamed"):
        redis.hdel(key, field)
    if how == "changed":
        redis.hset(key, field, mutated(value, draw))
        how += words(value, redis.hget(key, field))
    elif how != "deleted":
        redis.hset(key, mutated(field, draw), value)
    return f"{field} {how}"


def _set(redis: TextRedis, key: str, draw: Random) -> str:
    member, how = draw.choice(sorted(redis.sscan_iter(key))), draw.choice(("deleted", "copied", "renamed"))
    if how != "copied":
        redis.srem(key, member)
    if how != "deleted":
        redis.sadd(key, mutated(member, draw))
    return f"{member} {how}"


def _zset(redis: TextRedis, key: str, draw: Random) -> str:
    member, score = draw.choice(sorted(redis.zscan_iter(key)))
    how = draw.choice(("moved", "moved", "moved", "deleted", "copied", "renamed"))
    if how in ("deleted", "renamed"):
        redis.zrem(key, member)
    if how == "moved":
        redis.zincrby(key, draw.choice((1, -1)) * 10 ** draw.randrange(17), member)
    elif how != "deleted":
        redis.zadd(key, {mutated(member, draw): score})
    return f"{member} {how}"


def _list(redis: TextRedis, key: str, draw: Random) -> str:
    at, how = draw.randrange(redis.llen(key)), draw.choice(("changed", "changed", "changed", "deleted", "copied"))
    element = redis.lindex(key, at)
    if how == "copied":
        redis.linsert(key, "BEFORE", element, element)
    else:
        redis.lset(key, at, mutated(element, draw) if how == "changed" else "to be deleted")
        redis.lrem(key, 1, "to be deleted")
    return f"{at} {how}"


BY_TYPE = {"string": _string, "hash": _hash, "set": _set, "zset": _zset, "list": _list}


def family(text: str) -> str:
    """A name without its numbers: keys of one kind are chosen as one."""
    return re.sub(r"\d+", "#", text)


def damage(redis: TextRedis, draw: Random, only: str = "") -> str:
    """Damage one key of those on the server whose name matches `only`, chosen by its family; "key: field how"."""
    keys = sorted(key for key in redis.scan_iter(count=1000) if re.search(only, key))
    chosen = draw.choice(sorted({family(key) for key in keys}))
    key = draw.choice([key for key in keys if family(key) == chosen])
    before, where = redis.dump(key), f"{key}: {BY_TYPE[redis.type(key)](redis, key, draw)}"
    return where if redis.dump(key) != before else damage(redis, draw, only)
