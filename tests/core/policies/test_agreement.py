"""The executable specification and the naive implementation take the same decisions, over long random histories."""

from __future__ import annotations

import ast
import random
from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from slta.core.orders import PAPER, Index, Kink
from slta.core.policies import PLACING, POLICIES, Occupancies
from slta.core.policies.tokens import Beta, Tokens
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass, TableUtility, Utility
from tests import naive
from tests.core.curves import capped, linear, log_share, quadratic, weighted

FLEETS = 7
OPERATIONS = 1000

# Each curve twice: as the code has it, and from its definition. Within a fleet all naive marginals are Δ, or all e^Δ.
RATIONAL: list[tuple[Utility, naive.Marginal]] = [
    *((linear(a), naive.linear(a)) for a in ("0.1", "1", "-1", "0")),
    *((quadratic(b, c), naive.quadratic(b, c)) for b, c in (("2", "-1/20"), ("1", "-0.1"), ("1", "0"))),
    *((capped(a, cap), naive.capped_linear(a, cap)) for a, cap in (("1.5", "2"), ("1", "1"), ("0.1", "2.5"))),
    *((weighted(w), naive.weighted_least_connections(w)) for w in (1, 2, 3)),
    *((TableUtility(tuple(map(Fraction, v))), naive.table(v)) for v in ([0, 3, 4, 4, 4, 4, 4], [0, 1, 2, 3, 3, 2, 0])),
]
LOGARITHMIC: list[tuple[Utility, naive.Marginal]] = [
    (log_share(r), naive.log_share(r)) for r in ("1", "4", "5", "6.75", "14.92992", "20", "30")
]
BETAS = [
    (Beta(), naive.power_beta(Fraction(9, 20))),
    (Beta(exponent=Fraction(1, 2)), naive.power_beta(Fraction(1, 2))),
    (Beta(fixed=Fraction(1, 20)), naive.fixed_beta(Fraction(1, 20))),
    (Beta(fixed=Fraction(1, 2)), naive.fixed_beta(Fraction(1, 2))),
]


class Pair:
    """One fleet held twice, and what happens to it told to both."""

    def __init__(self, policy: str, chance: random.Random) -> None:
        family = chance.choice((RATIONAL, LOGARITHMIC))
        curves = chance.choices(family, k=chance.randint(1, 5))
        capacities = [chance.randint(1, 6) for _ in curves]
        beta, naive_beta = chance.choice(BETAS)
        classes = [PoolClass(f"{i}", u, c) for i, ((u, _), c) in enumerate(zip(curves, capacities, strict=True))]
        self.rankings = {
            naive.Order(order.kind, Fraction(getattr(order, "sessions", 1)), family is LOGARITHMIC): order.arrange(
                classes, rank_coordinates(classes)
            )
            for order in (PAPER, Kink(), Index(3.0), Index(17.0))
            if order.by_marginal or not POLICIES[policy].has_thresholds
        }
        order, ranking = next(iter(self.rankings.items()))
        self.state = Occupancies(ranking, [[] for _ in classes])
        self.policy = POLICIES[policy].specification(self.state, beta)
        naive_classes = [(marginal, capacity) for (_, marginal), capacity in zip(curves, capacities, strict=True)]
        self.naive = naive.NaiveFleet(naive_classes, policy, naive_beta, order)
        self.seen: Counter[str] = Counter()

    def assign(self, draw: float) -> None:
        before = self.naive.rank
        expected = self.naive.assign(draw)
        decision = self.policy.assign(draw)
        assert (decision and (decision.token, decision.pool_class, decision.pool)) == expected
        self.seen[expected.token if expected else "no room"] += 1
        if len(self.naive.active_pools()) > 1:
            self.seen["up"] += self.naive.rank > before
            self.seen["down"] += self.naive.rank < before
            self.seen["leap"] += self.naive.rank > before + 1

    def complete(self, pool: naive.Pool) -> None:
        self.naive.complete(pool.pool_class, pool.position)
        if pool.active:
            self.policy.complete(pool.pool_class, pool.position)
        else:
            self.seen["completed while drained"] += 1

    def add(self, pool_class: int) -> None:
        self.naive.add(pool_class)
        self.state.columns[pool_class].append(0)
        self.policy.pools_changed()

    def drain(self, pool: naive.Pool) -> None:
        self.naive.deactivate(pool.pool_class, pool.position)
        self.state.columns[pool.pool_class][pool.position] = None
        self.policy.pools_changed()

    def undrain(self, pool: naive.Pool) -> None:
        self.naive.activate(pool.pool_class, pool.position)
        self.state.columns[pool.pool_class][pool.position] = pool.occupancy
        self.policy.pools_changed()

    def remove(self, pool: naive.Pool) -> None:
        """Its sessions end, then it goes; its position may return, empty."""
        while pool.occupancy:
            self.complete(pool)
        self.drain(pool)

    def reorder(self, order: naive.Order) -> None:
        """Another order of the same coordinates; r keeps its own."""
        self.seen[order.kind] += 1
        self.naive.reorder(order)
        self.naive._settle()
        self.state.full_ranking = self.rankings[order]
        self.policy.pools_changed()
        assert self.naive.all_coordinates == list(self.rankings[order].order)

    def check(self) -> None:
        """Occupancies, r, thresholds, tokens and r* agree."""
        assert self.state.columns == self.naive.occupancies()
        active = self.naive.active_pools()
        if not active:
            assert self.state.optimal_rank() == 0
            return
        assert self.state.ranking.coordinate(self.state.optimal_rank()) == self.naive.optimal_coordinate()
        if isinstance(self.policy, Tokens):
            assert self.policy.rank == self.naive.rank
            assert self.policy.estimate == self.naive.estimate
            assert list(self.state.ranking.thresholds(self.policy.rank)) == self.naive.thresholds()
            green, yellow = self.policy.tokens()
            assert ([len(pools) for pools in green], len(yellow)) == self.naive.tokens()

    def step(self, chance: random.Random, arrivals: float) -> None:
        """One operation: mostly arrivals and completions, sometimes a pool that comes, goes or returns."""
        active, drained = self.naive.active_pools(), [pool for pool in self.naive.pools if not pool.active]
        busy = [pool for pool in self.naive.pools if pool.occupancy]
        kind = chance.random()
        if kind < 0.94:
            if chance.random() < arrivals or not busy:
                self.assign(chance.random())
            else:
                self.complete(chance.choice(busy))
        elif kind < 0.96 and len(self.naive.pools) < 12:
            self.add(chance.randrange(len(self.state.columns)))
        elif kind < 0.967 and active:
            self.drain(chance.choice(active))
        elif kind < 0.97 and active:
            self.remove(chance.choice(active))
        elif kind < 0.973 and active:
            self.seen["class emptied"] += 1
            emptied = chance.choice(active).pool_class
            for pool in active:
                if pool.pool_class == emptied:
                    self.drain(pool)
        elif drained:
            self.seen["returned"] += 1
            self.undrain(chance.choice(drained))


@cache
def history(policy: str, seed: int) -> Counter[str]:
    """One fleet through `OPERATIONS` operations, compared after each; what was seen on the way."""
    chance, orders = random.Random(seed), random.Random(f"order {seed}")
    pair = Pair(policy, chance)
    for _ in range(chance.randint(0, 8)):
        pair.add(chance.randrange(len(pair.state.columns)))
    arrivals = 0.5
    for count in range(OPERATIONS):
        if count % 50 == 0:
            arrivals = chance.choice((0.2, 0.5, 0.7))  # the load swings, so that r goes all the way up and down
            pair.reorder(orders.choice(list(pair.rankings)))
        pair.step(chance, arrivals)
        pair.check()
    return pair.seen


@pytest.mark.parametrize("policy", PLACING)
@pytest.mark.parametrize("seed", range(FLEETS))
def test_both_place_every_session_alike(policy: str, seed: int) -> None:
    # The seed only names the fleet and its history.
    history(policy, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("policy", PLACING)
def test_both_place_every_session_alike_on_a_thousand_more_fleets(policy: str) -> None:
    for seed in range(1000, 2000):
        history(policy, seed)


def test_the_histories_reach_every_branch() -> None:
    # Else their agreement would say little.
    seen: Counter[str] = Counter()
    for policy in PLACING:
        for seed in range(FLEETS):
            seen += history(policy, seed)
    wanted = {"green", "yellow", "none", "open", "no room", "up", "down", "leap", "class emptied", "returned"}
    wanted |= {"paper", "kink", "index"}
    assert {event: count for event, count in seen.items() if count < 10} == {}
    assert wanted <= seen.keys()


def test_the_naive_implementation_shares_nothing_with_the_code() -> None:
    tree = ast.parse(Path(naive.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name.split(".")[0] in {"service", "tests", "experiments"}]
