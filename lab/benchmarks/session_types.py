"""A fleet with session types, driven as `LuaFleet`: what they add is the difference to the same fleet without."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from redis import Redis

from lab.benchmarks.lua_fleet import LuaFleet, in_functions
from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from slta.store.sessions import type_option

POOLS = 10
"""Of each class."""
SHAPES = ((4, 3), (16, 8))
"""Classes and types, with `default`."""


class TypedFleet(LuaFleet):
    """A fleet whose sessions have random types, `types` of them with the default one; 1 for a fleet without."""

    def __init__(self, redis: Redis, classes: int, types: int) -> None:
        names = [f"c{i}" for i in range(classes)]
        rng = Random(classes)
        sets = {f"t{t}": rng.sample(names, max(1, classes // 2)) for t in range(1, types)}
        made = (PoolClass(name, LogShareUtility(Fraction(20 + 3 * i)), 60) for i, name in enumerate(names))
        spec = FleetSpec(tuple(made), policy=POLICIES["jlmu"], session_types=sets)
        super().__init__(redis, spec, [(f"{c}-{k}", c) for c in names for k in range(POOLS)], in_functions)
        self.options = [type_option(name).strip() for name in spec.type_names]

    def option(self) -> str:
        return self.random.choice(self.options)
