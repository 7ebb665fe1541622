"""The choice itself: uniform among tokens, rank-select over any row, and nothing seen but the two bits per pool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from importlib import resources
from pathlib import Path
from random import Random

import pytest
from redis import Redis

from slta.core.policies import POLICIES, Policy
from slta.core.policies.tokens import Tokens
from tests.store.fleets import everything, put_back
from tests.store.model import World
from tests.store.model_fleet import FLEET as WORLD


def module(name: str) -> str:
    [file] = Path(str(resources.files("slta.store") / "lua")).rglob(f"{name}.lua")
    return file.read_text(encoding="utf-8")


# Rank-select


def with_rows(code: str) -> str:
    return f"local rows\ndo\n{module('rows')}end\n{code}"


SELECT = with_rows("return rows.select(KEYS[1], tonumber(ARGV[1]))")
BETWEEN = with_rows("return rows.select_between(KEYS[1], KEYS[2], tonumber(ARGV[1]))")
EACH = with_rows("""local found = {}
rows.each(KEYS[1], tonumber(ARGV[1]), function(bit)
  found[#found + 1] = bit
  return #found == tonumber(ARGV[2])
end)
return found""")


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


def test_select_between_finds_those_bits_only_that_the_inner_row_lacks(redis: Redis) -> None:
    rng = Random(5)
    script = redis.register_script(BETWEEN)
    for outer in rows(rng):
        inner = bytes(byte & rng.getrandbits(8) for byte in outer)
        redis.mset({"outer": outer, "inner": inner})
        bits = sorted({*set_bits(outer)} - {*set_bits(inner)})
        numbers = rng.sample(range(len(bits)), min(len(bits), 30))
        assert [script(["outer", "inner"], [number]) for number in numbers] == [bits[number] for number in numbers]


def test_each_visits_the_set_bits_in_order_from_where_it_is_told_until_it_is_told(redis: Redis) -> None:
    rng = Random(2)
    script = redis.register_script(EACH)
    for row in rows(rng):
        redis.set("row", row)
        first, most = rng.randrange(8 * len(row)), rng.randint(1, 50)
        assert script(["row"], [first, most]) == [bit for bit in set_bits(row) if bit >= first][:most]
    assert script(["no such row"], [0, 1]) == []


# Two bits are visible


def scramble_levels(redis: Redis, fleet: str, rng: Random) -> None:
    """Every row of the ledger becomes noise."""
    for key in redis.scan_iter(f"{{{fleet}}}:level:*", count=10_000):
        redis.set(key, rng.randbytes(redis.strlen(key) or 1))


def no_pool_has_a_token(world: World) -> bool:
    assert isinstance(world.spec, Tokens)
    green, yellow = world.spec.tokens()
    return not any(green) and not yellow


@pytest.mark.parametrize("policy", [policy for policy in POLICIES.values() if policy.has_thresholds])
@pytest.mark.parametrize("seed", range(3))
def test_with_scrambled_levels_tokens_make_the_specification_s_choice(redis: Redis, seed: int, policy: Policy) -> None:
    world = World(redis, seed, policy, with_naive=False)
    rng = Random(seed)
    compared = 0
    while compared < 12:
        world.live(world.operations + 9)
        draw = rng.random()
        decision = deepcopy(world.spec).assign(draw)
        if decision is None or no_pool_has_a_token(world):  # then the rows of levels say where there is room
            continue
        saved = everything(redis, WORLD)
        scramble_levels(redis, WORLD, rng)
        _, (outcome,), _ = world.run("batch", "assign", "blind", "0", repr(draw), "")
        put_back(redis, saved, WORLD)
        world.lose_writes()
        for seconds in (0.1, 3, 3):  # until the store expects no replay of what it lost
            world.pass_seconds(seconds)
        pool = next(p for p in world.pools if (p.pool_class, p.bit) == (decision.pool_class, decision.pool))
        assert [*outcome[1:3], outcome[-1]] == [pool.pool_id, world.names[pool.pool_class], decision.token]
        compared += 1


LUA_WORDS = {"local", "function", "for", "do", "if", "then", "else", "elseif", "end", "return", "and", "or", "not"}


@pytest.mark.parametrize(
    ("policy", "arguments", "functions"),
    [
        ("slta", ["green", "yellow", "yellow_class", "previous_class", "draw"], {"math.floor", "choice.pick"}),
        ("jlmu", ["frontier_ranks", "open_counts", "draw"], {"math.floor"}),
        ("slta_greedy", ["green", "rank_of", "yellow", "yellow_class", "draw"], {"math.floor", "math.huge"}),
    ],
)
def test_a_choice_uses_its_arguments_and_functions_only(policy: str, arguments: list[str], functions: set[str]) -> None:
    found = re.search(rf"local function choose_{policy}\((.*?)\)\n(.*?)\nend\n", module(policy), re.DOTALL)
    assert found, "choosing is a function of its own"
    assert found[1].split(", ") == arguments
    body = re.sub(r"'[^']*'", "", found[2])
    local = {name for names in re.findall(r"local ([\w, ]+)", body) for name in names.strip().split(", ")}
    local |= set(re.findall(r"for (\w+) =", body))
    names = set(re.findall(r"[A-Za-z_]\w*(?:\.\w+)?", body))
    assert names - local - LUA_WORDS - set(arguments) == functions
