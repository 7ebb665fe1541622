"""The choice itself: uniform among tokens, rank-select over any row, and nothing seen but the two bits per pool."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction
from importlib import resources
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from redis import Redis

from slta.core.policies import POLICIES, Policy
from slta.core.policies.tokens import Tokens
from slta.core.utility import LinearUtility
from slta.models import PoolSpec
from slta.store import Store
from testbed.servers import TextRedis
from tests.store.fleets import FLEET, SMALL, as_of, create, everything, field, pool_class, put_back, spec
from tests.store.model import World
from tests.store.model_fleet import FLEET as WORLD


def module(name: str) -> str:
    [file] = Path(str(resources.files("slta.store") / "lua")).rglob(f"{name}.lua")
    return file.read_text(encoding="utf-8")


# Rank-select

SELECT = f"""local rows
do
{module("rows")}end
return rows.select(KEYS[1], tonumber(ARGV[1]))"""
EACH = f"""local rows
do
{module("rows")}end
local found = {{}}
rows.each(KEYS[1], tonumber(ARGV[1]), function(bit)
  found[#found + 1] = bit
  return #found == tonumber(ARGV[2])
end)
return found"""

BETWEEN = f"""local rows
do
{module("rows")}end
return rows.select_between(KEYS[1], KEYS[2], tonumber(ARGV[1]))"""


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


# Uniform among tokens


def draw_places(redis: Redis, store: Store, draws: list[float]) -> list[tuple[str, str]]:
    """Pool and token for each draw, all from the same state: every session ends before the next comes."""
    chosen = []
    for start in range(0, len(draws), 64):
        words: list[str] = []
        for draw in draws[start : start + 64]:
            session = str(uuid4())
            words += ["assign", session, "0", repr(draw), "", "complete", session, "", "", ""]
        name = f"slta_{store.library_digest}_batch"
        _, outcomes, *_ = redis.execute_command("FCALL", name, 1, f"{{{FLEET}}}:state", "", *words)
        chosen += [(outcome[1], outcome[-1]) for outcome in outcomes[::2]]
    return chosen


def grid(count: int) -> list[float]:
    """Draws that fall into `count` equal parts of [0, 1), one each: a uniform choice takes every pool once."""
    return [(k + 0.5) / count for k in range(count)]


def remove_some(rng: Random, names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Which pools go, which drain, which stay."""
    fates = [rng.random() for _ in names]
    return (
        [name for name, fate in zip(names, fates, strict=True) if fate < 0.3],
        [name for name, fate in zip(names, fates, strict=True) if 0.3 <= fate < 0.5],
        [name for name, fate in zip(names, fates, strict=True) if fate >= 0.5],
    )


@pytest.fixture
async def holes(store: Store) -> list[str]:
    """600 empty pools of one class, of which some were removed and some drain: those that are left. SLTA, r = 1."""
    await create(store, spec(pool_class("small", SMALL, 3)), {"small": 600})
    gone, drained, left = remove_some(Random(3), [f"small-{k}" for k in range(600)])
    for name in gone:
        await store.pools.remove(FLEET, name)
    for name in drained:
        await store.pools.set_status(FLEET, name, "draining")
    return left


async def test_yellow_tokens_are_drawn_with_equal_chances_among_pools_with_holes_between(
    store: Store, redis: Redis, holes: list[str]
) -> None:
    chosen = draw_places(redis, store, grid(len(holes)))
    assert Counter(chosen) == {(name, "yellow"): 1 for name in holes}


async def test_random_draws_pass_a_chi_square_test(store: Store, redis: Redis, holes: list[str]) -> None:
    """8 draws a pool on average. The statistic exceeds mean + 4 standard deviations with probability below 1e-4."""
    rng = Random(4)
    draws = [rng.random() for _ in range(8 * len(holes))]
    counts = Counter(name for name, _ in draw_places(redis, store, draws))
    statistic = sum((counts[name] - 8) ** 2 / 8 for name in holes)
    freedom = len(holes) - 1
    assert sum(counts.values()) == sum(counts[name] for name in holes)
    assert abs(statistic - freedom) < 4 * (2 * freedom) ** 0.5


async def test_open_pools_of_jlmu_are_drawn_with_equal_chances(store: Store, redis: Redis, holes: list[str]) -> None:
    await store.fleets.configure(FLEET, spec(pool_class("small", SMALL, 3), policy="jlmu"), "{}")
    assert Counter(draw_places(redis, store, grid(len(holes)))) == {(name, "open"): 1 for name in holes}


def draw_from_here(redis: Redis, store: Store, draws: list[float]) -> Counter[tuple[str, str]]:
    """As `draw_places`, where a decision moves r: the state is put back after each."""
    saved = everything(redis)
    chosen: Counter[tuple[str, str]] = Counter()
    for draw in draws:
        chosen.update(draw_places(redis, store, [draw]))
        put_back(redis, saved)
    return chosen


async def test_green_tokens_of_several_classes_are_drawn_with_equal_chances(store: Store, redis: Redis) -> None:
    """60 sessions on 49 pools put r on b's second level, i_{r-1} is a; then a third of the sessions end."""
    same = [pool_class(name, SMALL, 4) for name in ("a", "b", "c")]
    await create(store, spec(*same, policy="jlmu"), {"a": 7, "b": 13, "c": 29})
    for k in range(60):
        await store.sessions.assign(FLEET, f"s{k}", None)
    await store.fleets.configure(FLEET, spec(*same), "{}")
    for k in range(0, 60, 3):
        await store.sessions.complete(FLEET, f"s{k}")
    assert (field(redis, "rank"), field(redis, "previous_class")) == ("5", "1")
    tokens = token_names(redis)
    assert {name[0] for name in tokens} == {"b", "c"}
    assert draw_from_here(redis, store, grid(len(tokens))) == {(name, "green"): 1 for name in tokens}


def token_names(redis: TextRedis) -> list[str]:
    """Pools with a green token outside class i_{r-1}: what step 1 draws from."""
    found = []
    for position, number in enumerate(field(redis, "numbers").split(), start=1):
        if position != int(field(redis, "previous_class")):
            row = (redis.get(f"{{{FLEET}}}:green:{number}") or "").encode("latin-1")
            found += [redis.hget(f"{{{FLEET}}}:names", int(number) * 65536 + bit) for bit in set_bits(row)]
    return found


async def test_without_tokens_pools_with_room_are_drawn_with_equal_chances(store: Store, redis: Redis) -> None:
    """Class `good` is full and its curve keeps r there; the places left are on `poor`, beyond the yellow tokens."""
    good = pool_class("good", LinearUtility(Fraction(5)), 2)
    poor = pool_class("poor", LinearUtility(Fraction(1)), 3)
    await create(store, spec(good, poor), {"good": 1, "poor": 1})
    await store.pools.add(FLEET, [PoolSpec(f"poor-{k}", "poor") for k in range(1, 11)])
    await store.pools.reconcile(FLEET, "good-0", await as_of(store), ["a", "b"])
    before = await store.fleets.snapshot(FLEET)
    assert (before.rank, before.yellow, [c.green for c in before.classes]) == (1, 0, [0, 0])
    assert draw_from_here(redis, store, grid(11)) == {(f"poor-{k}", "none"): 1 for k in range(11)}


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
def test_with_every_row_of_levels_scrambled_the_tokens_still_make_the_specification_s_choice(
    redis: Redis, seed: int, policy: Policy
) -> None:
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
        (
            "slta",
            ["green", "yellow", "yellow_class", "previous_class", "draw"],
            {"math.floor", "choice.pick"},
        ),
        ("jlmu", ["frontier_ranks", "open_counts", "draw"], {"math.floor"}),
        (
            "slta_greedy",
            ["green", "rank_of", "yellow", "yellow_class", "draw"],
            {"math.floor", "math.huge"},
        ),
    ],
)
def test_the_choice_is_handed_all_it_may_know_and_reaches_for_nothing_else(
    policy: str, arguments: list[str], functions: set[str]
) -> None:
    found = re.search(rf"local function choose_{policy}\((.*?)\)\n(.*?)\nend\n", module(policy), re.DOTALL)
    assert found, "choosing is a function of its own"
    assert found[1].split(", ") == arguments
    body = re.sub(r"'[^']*'", "", found[2])
    local = {name for names in re.findall(r"local ([\w, ]+)", body) for name in names.strip().split(", ")}
    local |= set(re.findall(r"for (\w+) =", body))
    names = set(re.findall(r"[A-Za-z_]\w*(?:\.\w+)?", body))
    assert names - local - LUA_WORDS - set(arguments) == functions
