"""The next store under the tests of the present one: its library, its fields by name, and where its decisions differ.

`SLTA_TEST_LIBRARY=next` chooses it. SLTA's last step, and decisions that see unconfirmed pools, number the candidates
otherwise: confirmed ones first, then by sessions, then by place.
"""

from __future__ import annotations

import os
from copy import copy

import pytest

import slta.store.library
import slta.store.store
from slta.core.policies import Jlmu
from slta.core.policies.choice import Decision
from slta.core.policies.occupancies import Occupancies
from slta.store.library import next_library
from testbed.servers import TextRedis
from tests import naive
from tests.next_audit import Fleet

IS_NEXT = os.environ.get("SLTA_TEST_LIBRARY") == "next"
of_the_present_store = pytest.mark.skipif(IS_NEXT, reason="looks at its keys, or needs rebuild or replay")


def install() -> None:
    """Let stores use the next library, and specification and naive twin decide as it does."""
    slta.store.library.own_library = slta.store.store.own_library = next_library  # type: ignore[attr-defined]
    assemble = slta.store.library.assemble
    slta.store.library.assemble = lambda *given: assemble(*given) if given else next_library()
    below, with_room = Occupancies.below, Occupancies.with_room
    candidates, choice, place = Occupancies.candidates, Jlmu.choice, naive._place

    def by_sessions(self: Occupancies, pool_class: int, level: int) -> list[int]:
        found, column = below(self, pool_class, level), self.columns[pool_class]
        if hasattr(self, "is_sorted"):
            found.sort(key=lambda k: ((pool_class, k) in self.unconfirmed, column[k]))
        return found

    def room(self: Occupancies) -> list[list[int]]:
        return with_room(_sorted(self))

    def seen(self: Occupancies) -> Occupancies:
        found = candidates(self)
        return _sorted(found) if found is self and self.unconfirmed else found

    def chosen(self: Jlmu, draw: float, seen: Occupancies | None = None) -> Decision | None:
        state = seen or self.occupancies
        return choice(self, draw, _sorted(state) if state.unconfirmed else state)

    def placed(token: str, pools: list[naive.Pool], draw: float) -> naive.Placed:
        if token == "none" or any(pool.unconfirmed for pool in pools):
            pools = sorted(pools, key=lambda pool: (pool.pool_class, pool.unconfirmed, pool.occupancy, pool.position))
        return place(token, pools, draw)

    for owner, name, function in (
        (Occupancies, "below", by_sessions),
        (Occupancies, "with_room", room),
        (Occupancies, "candidates", seen),
        (Jlmu, "choice", chosen),
        (naive, "_place", placed),
    ):
        setattr(owner, name, function)


def _sorted(state: Occupancies) -> Occupancies:
    found = copy(state)
    found.is_sorted = True  # type: ignore[attr-defined]
    return found


def fields(redis: TextRedis, name: str) -> dict[str, str]:
    """The fields of the fleet by name, with those that the present store has as fields too."""
    fleet = Fleet(redis, name)
    found = dict(fleet.state)
    found |= {"time": str(fleet.time), "utilities": fleet.tables["utilities"]}
    found |= {"type_numbers": fleet.tables["type_numbers"]}
    found |= _tokens(fleet) if fleet.tables["policy"] in ("slta", "slta-greedy") else {}
    return found | _types(fleet)


def _tokens(fleet: Fleet) -> dict[str, str]:
    text, served = fleet.tables["order"], {number for number in fleet.ids if _serving(fleet, number)}
    order = [(fleet.ids[int(text[at : at + 2]) - 1], int(text[at + 2 : at + 6])) for at in range(0, len(text), 6)]
    live = [coordinate for coordinate in order if coordinate[0] in served]
    estimate = fleet.integer("estimate_class"), fleet.integer("estimate_level")
    rank = live.index(estimate) + 1 if live else 0
    thresholds = [max((j for c, j in live[: rank - 1] if c == number), default=0) for number in fleet.ids]
    return {
        "rank": str(rank),
        "green": " ".join(str(_below(fleet, *places)) for places in zip(fleet.ids, thresholds, strict=True)),
        "yellow": str(_below(fleet, *estimate)) if live else "0",
        "thresholds": " ".join(map(str, thresholds)),
    }


def _below(fleet: Fleet, number: int, level: int) -> int:
    """Pools of a class in service, unconfirmed ones too, with fewer sessions."""
    return sum(x < level for kind in ("pools", "quiet") for x in fleet.scores(f"{kind}:{number}").values())


def _serving(fleet: Fleet, number: int) -> bool:
    return any(fleet.scores(f"{kind}:{number}") for kind in ("pools", "quiet"))


def _types(fleet: Fleet) -> dict[str, str]:
    if not fleet.tables["session_types"]:
        return {}
    numbers, stored = ["0", *fleet.tables["type_numbers"].split()], fleet.hash("types")
    held = [[int(stored[f"held:{t}:{number}"]) for number in fleet.ids] for t in numbers]
    found = {
        "type_sessions": [sum(row) for row in held],
        "type_others": [int(stored[f"others:{t}"]) for t in numbers],
        "held": [sum(column) for column in zip(*held, strict=True)],
        "type_held": [count for row in held for count in row],
    }
    return {name: " ".join(map(str, values)) for name, values in found.items()}
