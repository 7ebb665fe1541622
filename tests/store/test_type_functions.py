"""The Lua of session types, alone: it chooses as the specification does, to the last bit."""

from __future__ import annotations

import json
import random
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from slta.core.session_types.prices import choose
from slta.core.session_types.sets import TypeSets
from tests.core.session_types.decisions import QUOTAS, decided, read
from tests.core.session_types.worlds import World, fill, world

VECTORS = Path(__file__).parents[2] / "docs/typed-decisions.jsonl"
FOLDER = Path(str(resources.files("slta.store") / "lua"))
CHOOSE = f"""
local constants, tables, vectors, types, prices = {{ MAX_LEVELS = 16384, BYTES = {{}} }}
do {(FOLDER / "state/tables.lua").read_text()} end
do {(FOLDER / "state/vectors.lua").read_text()} end
do {(FOLDER / "state/types.lua").read_text()} end
do {(FOLDER / "policies/prices.lua").read_text()} end
local fleet, kinds = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local compiled, view, found = fleet.tables_of, fleet.view, {{}}
compiled.types.may_use = {{}}
for kind, set in ipairs(compiled.types.sets) do
  for _, class in ipairs(set) do
    compiled.types.may_use[(kind - 1) * compiled.types.classes + class] = true
  end
end
for class, rank in ipairs(view.frontier_ranks) do
  view.frontier_ranks[class] = rank > 0 and rank or math.huge
end
for _, kind in ipairs(kinds) do
  found[#found + 1] = string.format('%d %.17g', prices.choose(fleet, kind, view))
end
return found
"""


def fleet(at: World) -> dict[str, Any]:
    """The fields that the functions read; classes and types count from 1."""
    ranks, members = at.market.rank, at.sets.members
    types = {
        "sets": [[c + 1 for c in own] for own in at.sets.classes],
        "rivals": [[t for t, other in enumerate(members, 1) if own & other and own - other] for own in members],
        "classes": len(at.marginals),
    }
    capacities = list(map(len, at.marginals))
    compiled = {"capacities": capacities, "marginals": at.marginals, "pools": at.pools, "types": types}
    held = [count for row in at.flow for count in row]
    counts = {"sessions": at.sessions, "held": held, "by_class": at.held}
    return {
        "tables_of": compiled | {"reserve": at.reserve},
        "by_type": counts,
        "sessions": sum(at.sessions),
        "over": [0] * len(capacities),
        "view": {
            "frontiers": [lowest + 1 if rank else 0 for lowest, rank in zip(at.lowest, ranks, strict=True)],
            "frontier_ranks": ranks,
        },
    }


def check_choices(redis: Redis, at: World) -> None:
    """Each type gets the class of the specification, by the same score."""
    kinds = range(len(at.flow))
    expected = [f"{c + 1} {score:.17g}" for c, score in (choose(at.market, kind) for kind in kinds)]
    replies = redis.register_script(CHOOSE)(args=[json.dumps(fleet(at)), json.dumps([kind + 1 for kind in kinds])])
    assert [str(reply) if isinstance(reply, str) else reply.decode() for reply in replies] == expected


@pytest.mark.parametrize("seeds", [range(400), pytest.param(range(400, 40_000), marks=pytest.mark.campaign)])
def test_the_lua_chooses_the_class_of_the_specification_by_the_same_bits(redis: Redis, seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        at = world(rng)
        fill(rng, at, rng.randint(0, 40))
        at.weight, at.reserve = rng.choice((1, 1, 10)), rng.choice((0, 0.3, 0.5, 2))
        check_choices(redis, at)


def test_the_published_decisions_are_those_of_the_specification_and_of_the_lua(redis: Redis) -> None:
    script, (_, *lines) = redis.register_script(CHOOSE), VECTORS.read_text().splitlines()
    assert len(lines) == sum(QUOTAS.values()), (
        "python -m tests.core.session_types.decisions > docs/typed-decisions.jsonl"
    )
    for line in lines:
        at, kind, found = read(line)
        assert decided(at, kind) == (found["class"], found["score"])
        reply = script(args=[json.dumps(fleet(at)), json.dumps([kind + 1])])[0]
        assert f"{reply}" == f"{found['class'] + 1} {found['score'] or 0:.17g}"


def test_more_needy_sessions_than_places_in_each_class_count_as_many(redis: Redis) -> None:
    """Both classes are worth 0 to a session that may use either, and the one that ranks better is chosen."""
    sets = TypeSets(((0,), (1,), (0, 1)))
    check_choices(redis, World(sets, [[10] * 4, [6] * 4], [[3], [3]], [[3, 0], [0, 3], [0, 0]], weight=3))
