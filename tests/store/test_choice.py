"""The choice itself: uniform among tokens, rank-select over any row, and nothing seen but the two bits per pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib import resources
from itertools import islice
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


def tokens(world: World) -> int:
    assert isinstance(world.spec, Tokens)
    green, yellow = world.spec.tokens()
    return sum(map(len, green)) + len(yellow)


def class_id(redis: TextRedis, world: World, name: str) -> str:
    return (redis.hget(f"{{{WORLD}}}:document", "ids") or "").split()[world.names.index(name)]


EACH_THRESHOLD_POLICY = pytest.mark.parametrize(
    "policy", [policy for policy in POLICIES.values() if policy.has_thresholds], ids=lambda policy: policy.name
)


def drawn_by_tokens(world: World, least: int) -> Iterator[tuple[float, list[str]]]:
    """Draws in the states of a living fleet with so many tokens: pool, class and token that they choose."""
    rng = Random(world.operations)
    while True:
        world.live(world.operations + 9)
        draw = rng.random()
        decision = deepcopy(world.spec).assign(draw)
        if decision is None or tokens(world) < least:
            continue
        pool = next(p for p in world.pools if (p.pool_class, p.bit) == (decision.pool_class, decision.pool))
        yield draw, [pool.pool_id, world.names[pool.pool_class], decision.token]


@contextmanager
def undone(redis: TextRedis) -> Iterator[None]:
    """What is done to the fleet within is undone."""
    saved = everything(redis, WORLD)
    yield
    put_back(redis, saved, WORLD)
    rawstate.poke(redis, WORLD, revision=int(field(redis, "revision", WORLD)) + 1000)  # not a store that went back


def choice_of(world: World, draw: float) -> list[str]:
    """Pool, class and token that the store chooses."""
    _, (outcome,), _ = world.run("batch", "assign", "blind", "0", repr(draw), "")
    assert outcome[0] == "ASSIGNED"
    return [*outcome[1:3], outcome[-1]]


@EACH_THRESHOLD_POLICY
@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_occupancies_the_token_bits_make_the_choice(redis: Redis, seed: int, policy: Policy) -> None:
    world, rng = World(redis, seed, policy, with_naive=False), Random(seed)
    for draw, expected in islice(drawn_by_tokens(world, 1), 12):  # without, the sorted sets decide
        with undone(redis):
            scramble(redis, WORLD, rng)
            assert choice_of(world, draw) == expected


@EACH_THRESHOLD_POLICY
@pytest.mark.parametrize("seed", range(3))
def test_a_pool_whose_token_bit_is_taken_by_hand_is_not_chosen_by_it(redis: Redis, seed: int, policy: Policy) -> None:
    world = World(redis, seed, policy, with_naive=False)
    for draw, (pool_id, name, token) in islice(drawn_by_tokens(world, 2), 12):
        row = f"{{{WORLD}}}:yellow" if token == "yellow" else f"{{{WORLD}}}:green:{class_id(redis, world, name)}"
        place = next(p.bit for p in world.pools if p.pool_id == pool_id)
        with undone(redis):
            assert redis.setbit(row, place, 0) == 1
            rawstate.poke(redis, WORLD)
            assert choice_of(world, draw) != [pool_id, name, token]
