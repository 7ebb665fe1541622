"""The policies once more, word by word from their definitions, to hold the other two implementations against.

Nothing here is fast, clever or shared with the code under test, and nothing is rounded: a class is a function
that gives its marginal utility exactly, a fleet is a list of pools, and every question is answered by looking
at all of them. Section numbers are the paper's; classes and positions count from 0, levels and ranks from 1.

    fleet = NaiveFleet([(log_share(20), 60), (log_share(30), 90)], policy="slta")
    fleet.add(0)                            # (0, 0): class 0, position 0
    fleet.assign(0.25)                      # Placed(token="yellow", pool_class=…, position=…), None when full
    fleet.complete(0, 0)
    fleet.deactivate(0, 0)                  # drained: it keeps its sessions, and its position
    fleet.activate(0, 0)
    fleet.rank, fleet.thresholds(), fleet.tokens(), fleet.occupancies()

A removed pool is a deactivated one without sessions, a new pool that takes its place the same one activated.
Rank, thresholds and tokens are those of SLTA, and of slta-greedy, which is not in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key
from typing import NamedTuple

Marginal = Callable[[int], Fraction]
"""x ↦ Δ(x) = u(x+1) − u(x), or an increasing function of it, the same for all classes of a fleet."""


def log_share(resource: Fraction | int | str) -> Marginal:
    """u(x) = x log(r/x), as e^Δ(x) = r x^x / (x+1)^(x+1), with 0^0 = 1."""
    return lambda x: Fraction(resource) * Fraction(x**x, (x + 1) ** (x + 1))


def linear(slope: Fraction | int | str) -> Marginal:
    """u(x) = a x."""
    return lambda _: Fraction(slope)


def quadratic(b: Fraction | int | str, c: Fraction | int | str) -> Marginal:
    """u(x) = b x + c x²."""
    return difference_of(lambda x: Fraction(b) * x + Fraction(c) * x * x)


def capped_linear(slope: Fraction | int | str, cap: Fraction | int | str) -> Marginal:
    """u(x) = a min(x, cap)."""
    return difference_of(lambda x: Fraction(slope) * min(Fraction(x), Fraction(cap)))


def weighted_least_connections(weight: Fraction | int | str) -> Marginal:
    """u(x) = −x (x+1) / (2w)."""
    return difference_of(lambda x: Fraction(-x * (x + 1), 2) / Fraction(weight))


def table(values: Sequence[Fraction | int | str]) -> Marginal:
    """u(x) = values[x]."""
    return difference_of(lambda x: Fraction(values[x]))


def difference_of(utility: Callable[[int], Fraction]) -> Marginal:
    """Δ(x) = u(x+1) − u(x)."""
    return lambda x: utility(x + 1) - utility(x)


Beta = Callable[[int, int], bool]
"""(green, n) ↦ whether `green` tokens are at least nβ_n."""


def power_beta(exponent: Fraction) -> Beta:
    """β_n = n^−(a/b): green ≥ n^(1 − a/b), that is green^b ≥ n^(b − a), in integers."""
    a, b = exponent.numerator, exponent.denominator
    return lambda green, n: green**b >= n ** (b - a)


def fixed_beta(beta: Fraction) -> Beta:
    """β_n = β."""
    return lambda green, n: green >= n * beta


class Order(NamedTuple):
    """How coordinates are ranked: `kind` is paper, kink or index; `sessions` the load of index, of the whole fleet.

    `logarithmic` says that the marginal utilities are given as e^Δ.
    """

    kind: str = "paper"
    sessions: Fraction = Fraction(1)
    logarithmic: bool = False


PAPER = Order()


class Coordinate(NamedTuple):
    """(i, j): where a session goes that joins a pool of class i with j − 1 sessions (2.3)."""

    pool_class: int
    level: int


class Placed(NamedTuple):
    """Where a session went, and which token decided: green, yellow, none, or open under JLMU."""

    token: str
    pool_class: int
    position: int


@dataclass
class Pool:
    """One server pool; `position` numbers the pools of its class."""

    pool_class: int
    position: int
    occupancy: int
    active: bool
    unconfirmed: bool = False


class NaiveFleet:
    """A fleet under one policy. `classes[i]` is the marginal utility of class i and its capacity."""

    def __init__(
        self,
        classes: Sequence[tuple[Marginal, int]],
        policy: str = "slta",
        beta: Beta = power_beta(Fraction(9, 20)),  # noqa: B008 - a pure function
        order: Order = PAPER,
    ) -> None:
        """r starts at rank 1."""
        self.capacities = [capacity for _, capacity in classes]
        self.delta = {Coordinate(i, j): f(j - 1) for i, (f, c) in enumerate(classes) for j in range(1, c + 1)}
        self.policy = policy
        self.enough_green = beta
        self.pools: list[Pool] = []
        self.reorder(order)
        self.estimate = self.all_coordinates[0]

    # --- The order (2.3), and the two that are not in the paper

    def reorder(self, order: Order) -> None:
        """Coordinates are ranked in another order; r keeps its coordinate."""
        self.order = order
        self.price = {c: self._price(c) for c in self.delta} if order.kind == "index" else {}
        self.all_coordinates = sorted(self.delta, key=cmp_to_key(self._better_first))

    def ranks_below(self, one: Coordinate, other: Coordinate) -> bool:
        """one ◁ other: smaller marginal utility, or equal and (i, j−1) comes after in dictionary order."""
        worth = self.price or self.delta
        if worth[one] != worth[other]:
            return worth[one] < worth[other]
        if self.order.kind == "kink" and one.pool_class != other.pool_class:
            by_kink = self._compare_kinks(one, other)
            if by_kink:
                return by_kink < 0
        return (one.pool_class, one.level - 1) > (other.pool_class, other.level - 1)

    def _kink(self, coordinate: Coordinate) -> tuple[int, int, Fraction] | None:
        """d, x(x−1)…(x−d+1) and Δ(x − d) − Δ(x), or e to its power; None where Δ is flat from the empty pool on."""
        i, j = coordinate
        here, product = self.delta[coordinate], 1
        for d in range(1, j):
            product *= j - d
            behind = self.delta[Coordinate(i, j - d)]
            if behind > here:
                return d, product, behind / here if self.order.logarithmic else behind - here
        return None

    def _compare_kinks(self, one: Coordinate, other: Coordinate) -> int:
        """Above 0 where the kink behind `one` ranks it better: it is nearer, or as near and its w is larger."""
        first, second = self._kink(one), self._kink(other)
        if first is None or second is None:
            return (first is not None) - (second is not None)
        (d, product, drop), (other_d, other_product, other_drop) = first, second
        if d != other_d:
            return other_d - d
        if self.order.logarithmic:
            a, b = drop**product, other_drop**other_product
        else:
            a, b = drop * product, other_drop * other_product
        return (a > b) - (a < b)

    def _price(self, coordinate: Coordinate) -> Fraction | float:
        """W: what one level more earns, per session it holds more, in an Erlang loss system of threshold j − 1."""
        i, j = coordinate
        steps = [self.delta[Coordinate(i, level)] for level in range(1, j + 1)]
        values = [math.log(step) for step in steps] if self.order.logarithmic else steps
        weights = [self.order.sessions**k / math.factorial(k) for k in range(j)]
        utility = sum(w * sum(values[:k]) for k, w in enumerate(weights)) / sum(weights)
        sessions = sum(w * k for k, w in enumerate(weights)) / sum(weights)
        return (sum(values) - utility) / (j - sessions)

    def _better_first(self, one: Coordinate, other: Coordinate) -> int:
        return int(self.ranks_below(one, other)) - int(self.ranks_below(other, one))

    def enumeration(self) -> list[Coordinate]:
        """(i_1, j_1), (i_2, j_2), …, from the best, of the classes that have active pools (α(i) > 0)."""
        present = {pool.pool_class for pool in self.active_pools()}
        return [c for c in self.all_coordinates if c.pool_class in present]

    # --- The state (2.1)

    def active_pools(self) -> list[Pool]:
        """Class by class, then by position."""
        return sorted((p for p in self.pools if p.active), key=lambda p: (p.pool_class, p.position))

    def occupancies(self) -> list[list[int | None]]:
        """X(i, k), None for a pool that is not active."""
        columns: list[list[int | None]] = [[] for _ in self.capacities]
        for pool in self.pools:
            columns[pool.pool_class].append(pool.occupancy if pool.active else None)
        return columns

    def sessions(self) -> int:
        """N, on active pools."""
        return sum(pool.occupancy for pool in self.active_pools())

    def optimal_coordinate(self) -> Coordinate:
        """σ*: Σ A(i) over better coordinates ≤ N < the same with its own (5); the last one if all is full."""
        active = self.active_pools()
        enumeration = self.enumeration()
        room = 0
        for coordinate in enumeration:
            room += sum(pool.pool_class == coordinate.pool_class for pool in active)
            if self.sessions() < room:
                return coordinate
        return enumeration[-1]

    # --- SLTA (3.2)

    @property
    def rank(self) -> int:
        """r, among the coordinates that exist; 0 without active pools."""
        return self.enumeration().index(self.estimate) + 1 if self.active_pools() else 0

    def thresholds(self) -> list[int]:
        """ℓ_i(r) = max{j ≥ 0: (i, j) ▷ (i_r, j_r) or j = 0}."""
        better = [c for c in self.enumeration() if self.ranks_below(self.estimate, c)]
        return [max([0] + [j for i, j in better if i == this]) for this in range(len(self.capacities))]

    def green_pools(self) -> list[Pool]:
        """With x < ℓ_i(r)."""
        thresholds = self.thresholds()
        return [pool for pool in self.active_pools() if pool.occupancy < thresholds[pool.pool_class]]

    def yellow_pools(self) -> list[Pool]:
        """With i = i_r and x ≤ ℓ_i(r)."""
        i = self.estimate.pool_class
        threshold = self.thresholds()[i]
        return [pool for pool in self.active_pools() if pool.pool_class == i and pool.occupancy <= threshold]

    def tokens(self) -> tuple[list[int], int]:
        """The green tokens of each class, and the yellow ones, all of class i_r."""
        green = [pool.pool_class for pool in self.green_pools()]
        return [green.count(i) for i in range(len(self.capacities))], len(self.yellow_pools())

    def _assign_by_slta(self, draw: float) -> Placed:
        r, enumeration = self.rank, self.enumeration()
        previous = enumeration[r - 2].pool_class if r > 1 else None
        green, yellow = self._candidates(self.green_pools()), self._candidates(self.yellow_pools())
        others = [pool for pool in green if pool.pool_class != previous]
        own = [pool for pool in green if pool.pool_class == previous]

        # Both judged before the session is placed; nβ_n ≤ 1 counts as just above 1, which takes two tokens.
        enough = len(green) >= 2 and self.enough_green(len(green), len(self.active_pools()))
        down = r > 1 and enough and len(own) >= 1
        up = len(green) == 0 and len(yellow) <= 1 and r < len(enumeration)

        if others:
            placed = _place("green", others, draw)
        elif own:
            placed = _place("green", own, draw)
        elif yellow:
            placed = _place("yellow", yellow, draw)
        else:
            placed = _place("none", self._candidates(self._pools_with_room()), draw)

        if down:
            self.estimate = enumeration[(r - 1) - 1]
        if up:
            self.estimate = enumeration[(r + 1) - 1]
        return placed

    # --- slta-greedy: SLTA's tokens and r, another choice of tokens and another learning

    def _assign_by_slta_greedy(self, draw: float) -> Placed:
        enumeration = self.enumeration()
        while not self._candidates(self.green_pools() + self.yellow_pools()):
            self.estimate = enumeration[enumeration.index(self.estimate) + 1]
        r = self.rank
        green, yellow = self._candidates(self.green_pools()), self._candidates(self.yellow_pools())

        # Both judged before the session is placed, as under SLTA; the class of the tokens does not matter.
        down = r > 1 and len(green) >= 2 and self.enough_green(len(green), len(self.active_pools()))
        up = len(green) == 0 and len(yellow) <= 1 and r < len(enumeration)

        if green:
            thresholds = self.thresholds()
            highest = {pool.pool_class: Coordinate(pool.pool_class, thresholds[pool.pool_class]) for pool in green}
            best = min(highest.values(), key=enumeration.index)
            placed = _place("green", [pool for pool in green if pool.pool_class == best.pool_class], draw)
        else:
            placed = _place("yellow", yellow, draw)

        if down:
            self.estimate = enumeration[(r - 1) - 1]
        if up:
            self.estimate = enumeration[(r + 1) - 1]
        return placed

    # --- JLMU (3.1)

    def _assign_by_jlmu(self, draw: float) -> Placed:
        return self._best_of(self._candidates(self._pools_with_room()), draw)

    def _best_of(self, room: list[Pool], draw: float) -> Placed:
        """σ(q): the best coordinates that any pool now has (6); uniformly among the pools that have them."""
        having = [Coordinate(pool.pool_class, pool.occupancy + 1) for pool in room]
        best = next(c for c in self.all_coordinates if c in having)
        return _place("open", [pool for pool, c in zip(room, having, strict=True) if c == best], draw)

    # --- observe: JLMU's choice beside what others do

    def report(
        self, pool_class: int, position: int, draw: float, may_use: Callable[[int], bool] = lambda _: True
    ) -> Placed:
        """Somebody puts a session on this pool; where JLMU would have put it at the state before."""
        room = [pool for pool in self._pools_with_room() if may_use(pool.pool_class)]
        preferred = self._best_of(room, draw)
        self.pool(preferred.pool_class, preferred.position).occupancy -= 1
        self.pool(pool_class, position).occupancy += 1
        self._settle()
        return preferred

    # --- The difference at placing

    @staticmethod
    def draws(draw: float) -> bool:
        """Of the draw's 53 binary digits the last four are 0."""
        return Fraction(draw) * 2**53 % 2**4 == 0

    def best_free_place(self, may_use: Callable[[int], bool] = lambda _: True) -> Coordinate | None:
        """Where a session that may use these classes would add most, whatever the order; None without room."""
        offers = [Coordinate(p.pool_class, p.occupancy + 1) for p in self._pools_with_room() if may_use(p.pool_class)]
        return max(offers, key=lambda c: self.delta[c], default=None)

    # --- What happens to a fleet

    def assign(self, draw: float) -> Placed | None:
        """Place one session by a draw in [0, 1); None, and nothing changed, where no active pool has room."""
        if not self._pools_with_room():
            return None
        rules = {"slta": self._assign_by_slta, "slta-greedy": self._assign_by_slta_greedy, "jlmu": self._assign_by_jlmu}
        placed = rules[self.policy](draw)
        self._settle()
        return placed

    def complete(self, pool_class: int, position: int) -> None:
        """A session ends, on an active pool or a drained one."""
        pool = self.pool(pool_class, position)
        assert pool.occupancy > 0, "a pool without sessions has none to complete"
        pool.occupancy -= 1
        self._settle()

    def add(self, pool_class: int, *, active: bool = True, occupancy: int = 0) -> tuple[int, int]:
        """One more pool of a class; its class and position."""
        position = sum(pool.pool_class == pool_class for pool in self.pools)
        self.pools.append(Pool(pool_class, position, occupancy, active))
        self._settle()
        return pool_class, position

    def activate(self, pool_class: int, position: int) -> None:
        """The pool may receive sessions, beside those it has."""
        self.pool(pool_class, position).active = True
        self._settle()

    def deactivate(self, pool_class: int, position: int) -> None:
        """The pool receives no more sessions and counts no more."""
        self.pool(pool_class, position).active = False
        self._settle()

    def pool(self, pool_class: int, position: int) -> Pool:
        """By class and position."""
        return next(p for p in self.pools if (p.pool_class, p.position) == (pool_class, position))

    def _pools_with_room(self) -> list[Pool]:
        return [pool for pool in self.active_pools() if pool.occupancy < self.capacities[pool.pool_class]]

    def _candidates(self, pools: list[Pool]) -> list[Pool]:
        """Those that are confirmed, unless no confirmed pool of the fleet has room."""
        if all(pool.unconfirmed for pool in self._pools_with_room()):
            return pools
        return [pool for pool in pools if not pool.unconfirmed]

    def _settle(self) -> None:
        """r keeps its coordinate while it exists, else takes the next worse that does, else the worst of all.

        One pool alone never has two green tokens: r could not fall, so it is σ*.
        """
        enumeration = self.enumeration()
        if len(self.active_pools()) == 1:
            self.estimate = self.optimal_coordinate()
        elif enumeration and self.estimate not in enumeration:
            worse = [c for c in enumeration if self.ranks_below(c, self.estimate)]
            self.estimate = worse[0] if worse else enumeration[-1]


def _place(token: str, candidates: list[Pool], draw: float) -> Placed:
    """One session on candidate number ⌊draw · count⌋, counted from 0; the product is one of doubles.

    In the last step, and among unconfirmed pools, those of a class are counted by their sessions.
    """
    if token == "none" or any(pool.unconfirmed for pool in candidates):
        candidates = sorted(candidates, key=lambda p: (p.pool_class, p.unconfirmed, p.occupancy, p.position))
    pool = candidates[int(draw * len(candidates))]
    pool.occupancy += 1
    return Placed(token, pool.pool_class, pool.position)
