"""A toy policy for tests, added through the two tables of policies alone."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from slta.core.policies import POLICIES, Occupancies, Policy
from slta.core.policies.choice import Decision
from slta.core.policies.steps import Standing, Step, together
from slta.store.library import LUA_POLICIES, assemble


class Uniform:
    """Any pool with room, uniformly."""

    def __init__(self, occupancies: Occupancies) -> None:
        self.occupancies = occupancies

    def assign(self, draw: float) -> Decision | None:
        room = self.occupancies.candidates().with_room()
        candidates = [(i, pool) for i, pools in enumerate(room) for pool in pools]
        if not candidates:
            return None
        pool_class, pool = candidates[int(draw * len(candidates))]
        self.complete(pool_class, pool, change=1)
        return Decision("open", pool_class, pool, 0)

    def complete(self, pool_class: int, pool: int, change: int = -1) -> None:
        column = self.occupancies.columns[pool_class]
        column[pool] = (column[pool] or 0) + change

    def pools_changed(self) -> None:
        self.occupancies.refresh()


def explain(standing: Standing) -> list[Step]:
    """The steps for the next session: one."""
    return [Step("any pool with room", "open", together(standing.with_room()))]


UNIFORM = Policy(
    name="uniform",
    title="Uniform",
    summary="A toy policy: any pool with room, uniformly.",
    specification=lambda occupancies, _beta: Uniform(occupancies),
    tokens=("open",),
    has_thresholds=False,
    explain=explain,
)

WITH_UNIFORM: Mapping[str, Policy] = {**POLICIES, UNIFORM.name: UNIFORM}
LUA_WITH_UNIFORM: Mapping[str, Traversable] = {**LUA_POLICIES, UNIFORM.name: Path(__file__).with_suffix(".lua")}
LIBRARY = assemble(LUA_WITH_UNIFORM)
