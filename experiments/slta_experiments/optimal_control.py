"""Markov decision processes of small fleets: the true optimum, and the exact value of any order, by value iteration.

Pools of a class are alike, so a state lists each class's occupancies in descending order. Holding times are
exponential with mean 1, arrivals Poisson. Uniformisation turns rates into probabilities; relative value iteration
brackets the mean reward (Puterman, Markov Decision Processes, section 8.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from slta.core.ranking import Coordinate, Ranking

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PRECISION = 1e-8
"""Width of the bracket of the mean reward, relative to the largest reward."""
MAX_SWEEPS = 200_000

Occupied = tuple[tuple[int, ...], ...]
"""Occupancies of each class's pools, in descending order."""


@dataclass(frozen=True)
class Chain:
    """Controlled Markov chain of a small fleet. A joint action sends a session to class i's pools with x sessions."""

    states: list[Occupied]
    rewards: Floats
    """Total utility in each state."""
    joins: Integers
    """joins[s, a]: state after action a, or −1 without such a pool."""
    actions: list[Coordinate]
    """Action a fills coordinates (i, x + 1)."""
    departures: csr_matrix
    """Transition rates."""
    out_rates: Floats
    sessions: Floats


def chain_of(ranking: Ranking, pools: tuple[int, ...], capacity: int) -> Chain:
    """Chain of `pools[i]` pools per class, each with at most `capacity` sessions."""
    columns = [
        [tuple(sorted(c, reverse=True)) for c in combinations_with_replacement(range(capacity + 1), count)]
        for count in pools
    ]
    states: list[Occupied] = list(product(*columns))
    number = {state: s for s, state in enumerate(states)}
    values = [np.concatenate(([0.0], np.cumsum(m)))[: capacity + 1] for m in ranking.marginals]
    rewards = np.array([sum(float(v[list(c)].sum()) for v, c in zip(values, s, strict=True)) for s in states])
    actions = [Coordinate(i, x + 1) for i in range(len(pools)) for x in range(capacity)]
    joins = np.array([[number.get(moved(s, a.pool_class, a.level - 1, 1), -1) for a in actions] for s in states])
    rows, targets, rates = [], [], []
    for s, state in enumerate(states):
        for i, column in enumerate(state):
            for x in set(column) - {0}:
                rows.append(s)
                targets.append(number[moved(state, i, x, -1)])
                rates.append(float(x * column.count(x)))
    departures = csr_matrix((rates, (rows, targets)), shape=(len(states), len(states)))
    sessions = np.array([float(sum(map(sum, state))) for state in states])
    return Chain(states, rewards, joins, actions, departures, sessions, sessions)


def moved(state: Occupied, pool_class: int, occupancy: int, change: int) -> Occupied:
    """State after one pool of class i with this occupancy gains or loses a session; () if there is no such pool."""
    column = list(state[pool_class])
    if occupancy not in column:
        return ()
    column[column.index(occupancy)] += change
    return (*state[:pool_class], tuple(sorted(column, reverse=True)), *state[pool_class + 1 :])


def mean_reward(chain: Chain, arrival_rate: float, joined: Integers | None = None) -> tuple[float, Integers]:
    """Largest mean total utility, and the best action in each state.

    `joined` fixes a policy instead: the state after each arrival.
    """
    total = arrival_rate + float(chain.out_rates.max())
    stay = total - arrival_rate - chain.out_rates
    possible = chain.joins >= 0
    value = np.zeros(len(chain.states))
    scale = max(float(np.abs(chain.rewards).max()), 1e-12)
    blocked = ~possible.any(axis=1)
    for _ in range(MAX_SWEEPS):
        after = np.where(possible, value[chain.joins], -np.inf)
        best = np.where(blocked, value, after.max(axis=1)) if joined is None else value[joined]
        updated = (chain.rewards + arrival_rate * best + chain.departures @ value + stay * value) / total
        change = (updated - value) * total
        value = updated - updated[0]
        if change.max() - change.min() < PRECISION * scale:
            return float(change.max() + change.min()) / 2, after.argmax(axis=1)
    raise RuntimeError("value iteration did not converge: use a smaller capacity or a larger PRECISION")


def joined_by(chain: Chain, order: Ranking) -> Integers:
    """State after each arrival under JLMU on `order`; a full system does not change."""
    ranks = np.array([order.rank(a) for a in chain.actions])
    possible = chain.joins >= 0
    action = np.where(possible, ranks, np.iinfo(np.int64).max).argmin(axis=1)
    after = chain.joins[np.arange(len(chain.states)), action]
    return np.where(possible.any(axis=1), after, np.arange(len(chain.states)))


def best_and_ordered(chain: Chain, arrival_rate: float, orders: dict[str, Ranking]) -> tuple[float, dict[str, float]]:
    """Optimal mean total utility, and the exact one of JLMU on each order."""
    best, _ = mean_reward(chain, arrival_rate)
    return best, {name: mean_reward(chain, arrival_rate, joined_by(chain, order))[0] for name, order in orders.items()}
