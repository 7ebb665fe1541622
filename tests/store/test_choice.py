"""The choice itself: uniform among tokens, rank-select over any row, and nothing seen but the two bits per pool."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis import Redis

from slta.core.policies import POLICIES, Policy
from slta.core.policies.tokens import Tokens
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.fleets import everything, field, put_back
from tests.store.model import World
from tests.store.model_fleet import FLEET as WORLD


def module(name: str) -> str:
    [file] = Path(str(resources.files("slta.store") / "lua")).rglob(f"{name}.lua")
    return file.read_text(encoding="utf-8")


# Rank-select


SELECT = f"""local bits
local keys = {{ first_number = function() return 0 end }}
do
{module("bits")}end
return bits.select({{ tables_of = {{ keys = {{ yellow = KEYS[1] }}, ids = {{ 0 }} }} }}, 'yellow', 1, tonumber(ARGV[1]))
"""


def set_bits(row: bytes) -> list[int]:
    return [8 * at + bit for at, byte in enumerate(row) for bit in range(8) if byte >> (7 - bit) & 1]


def rows(rng: Random) -> Iterator[bytes]:
    """Rows of every shape: short and long, full and sparse, with holes and one bit at an end."""
    yield b"\xff"
    yield b"\x80"
    yield b"\x01"
    for length in (1, 5, 47, 48, 49, 50, 96, 97, 200, 1024, 8192):
        yield rng.randbytes(length)
        yield b"\0" * (length - 1) + b"\x01"
        yield b"\x80" + b"\0" * (length - 1)
        yield b"\xff" * length
        yield bytes(byte if rng.random() < 0.02 else 0 for byte in rng.randbytes(length)) + b"\x10"


def test_select_finds_the_set_bit_of_every_number(redis: Redis) -> None:
    rng = Random(1)
    script = redis.register_script(SELECT)
    for row in rows(rng):
        redis.set("row", row)
        bits = set_bits(row)
        numbers = range(len(bits)) if len(bits) < 50 else [0, 1, len(bits) - 1, *rng.sample(range(len(bits)), 30)]
        assert [script(["row"], [number]) for number in numbers] == [bits[number] for number in numbers]


# Two bits are visible


def scramble(redis: TextRedis, fleet: str, rng: Random) -> None:
    """The sessions of each pool become others; the token bits stay."""
    for key in redis.scan_iter(f"{{{fleet}}}:pools:*", count=10_000):
        found: Any = redis.zrange(key, 0, -1, withscores=True)
        for number, _ in found:
            redis.zadd(key, {str(number): rng.randrange(max(1, int(found[-1][1])))})
    rawstate.poke(redis, fleet)


def no_pool_has_a_token(world: World) -> bool:
    assert isinstance(world.spec, Tokens)
    green, yellow = world.spec.tokens()
    return not any(green) and not yellow


@pytest.mark.parametrize("policy", [policy for policy in POLICIES.values() if policy.has_thresholds])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_occupancies_the_token_bits_make_the_choice(redis: Redis, seed: int, policy: Policy) -> None:
    world = World(redis, seed, policy, with_naive=False)
    rng = Random(seed)
    compared = 0
    while compared < 12:
        world.live(world.operations + 9)
        draw = rng.random()
        decision = deepcopy(world.spec).assign(draw)
        if decision is None or no_pool_has_a_token(world):  # then the sorted sets say where there is room
            continue
        saved = everything(redis, WORLD)
        scramble(redis, WORLD, rng)
        _, (outcome,), _ = world.run("batch", "assign", "blind", "0", repr(draw), "")
        put_back(redis, saved, WORLD)
        rawstate.poke(redis, WORLD, revision=int(field(redis, "revision", WORLD)) + 1000)  # not a store that went back
        pool = next(p for p in world.pools if (p.pool_class, p.bit) == (decision.pool_class, decision.pool))
        assert [*outcome[1:3], outcome[-1]] == [pool.pool_id, world.names[pool.pool_class], decision.token]
        compared += 1
