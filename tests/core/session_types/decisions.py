"""Decisions on sessions of types as vectors.

`python -m tests.core.session_types.decisions > docs/typed-decisions.jsonl` writes what its first line says, and each
decision of the specification as a line.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

from slta.core.session_types.prices import choose, quote
from slta.core.session_types.reserves import is_kept
from slta.core.session_types.sets import TypeSets
from tests.core.session_types.worlds import World, fill, world

QUOTAS = {"spared": 100, "differs": 600, "priced": 150, "any": 150}
"""Decisions with a class that would be kept if all places were worth the same, those that are not JLMU's, those whose
prices or reserves change nothing, and others.
"""
FIELDS = {
    "marginals": "by class what the 1st, 2nd, … session on a pool adds, an integer; as many as the capacity",
    "pools": "by class the sessions on each pool, null for one that is not active",
    "types": "by session type the classes that it may use",
    "inside": "by type and class the sessions on active pools",
    "reserve": "ρ",
    "type": "of the session that arrives",
    "class": "that it goes to, -1 if it is refused; of equal scores the later class, at its lowest level",
    "score": "of that class: marginal utility less price, null if it is refused",
}
"""All count from 0."""


def decisions() -> Iterator[tuple[World, int]]:
    """Fleets, and the type of the session that arrives."""
    left = dict(QUOTAS)
    for seed in itertools.takewhile(lambda _: any(left.values()), itertools.count()):
        rng = random.Random(seed)
        at = world(rng, classes=4, types=4, capacity=4, pools=3)
        at.marginals = [sorted((value % 997 for value in column), reverse=True) for column in at.marginals]
        fill(rng, at, rng.randint(4, 40))
        at.reserve = rng.choice((0.0, 0.5, 1.0))
        for kind in range(len(at.sets.classes)):
            case = _case(at, kind)
            if left[case]:
                left[case] -= 1
                yield at, kind


def _case(at: World, kind: int) -> str:
    market = at.market
    open_to = sorted((c for c in at.sets.classes[kind] if market.rank[c]), key=market.rank.__getitem__)
    alike = market._replace(marginals=[[1] * len(column) for column in market.marginals])
    if any(is_kept(alike, kind, c) and not is_kept(market, kind, c) for c in open_to):
        return "spared"
    if open_to and decided(at, kind)[0] != open_to[0]:
        return "differs"
    return "priced" if any(quote(market, kind, c).needy or is_kept(market, kind, c) for c in open_to) else "any"


def decided(at: World, kind: int) -> tuple[int, float | None]:
    """The class by the specification, and its score, an integer without a price."""
    chosen, score = choose(at.market, kind)
    return chosen, (int(score) if score.is_integer() else score) if chosen >= 0 else None


def line_of(at: World, kind: int) -> str:
    chosen, score = decided(at, kind)
    values = (at.marginals, at.columns, at.sets.classes, at.flow, at.reserve, kind, chosen, score)
    return json.dumps(dict(zip(FIELDS, values, strict=True)), separators=(",", ":"))


def read(line: str) -> tuple[World, int, dict[str, Any]]:
    """The fleet of a line, the type, and the whole line."""
    found = json.loads(line)
    sets = TypeSets(tuple(map(tuple, found["types"])))
    at = World(sets, found["marginals"], found["pools"], found["inside"], reserve=found["reserve"])
    return at, found["type"], found


if __name__ == "__main__":
    print(json.dumps(FIELDS, ensure_ascii=False))
    for at, kind in decisions():
        print(line_of(at, kind))
