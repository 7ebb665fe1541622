"""Search of the cheapest fleet for floors, or the best for a budget, with session types or without.

Rounds solve by the bound, compute the gaps, raise the floors by them, and repeat. The gaps are not linear in the pools,
so they cannot be rows of the programme: raised floors may be out of any fleet's reach, so that larger fleets are tried,
and may pass over a cheaper mix whose gaps are smaller, so that those are tried afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from slta_planning.plan.market import Floats
from slta_planning.plan.mixes import TooManyError
from slta_planning.plan.rounds import Found, NoFleetError, Round, Trials
from slta_planning.plan.search import SOLVER_TOLERANCE, Search
from slta_planning.plan.solving import Solution
from slta_planning.text import amount, percent, some

TRIAL_STEPS = 15_000_000
"""Work of trying mixes, in states of a prediction or simulated events; more if the rounds took more.

Some seconds.
"""
LARGER = 10
"""Fleets tried for a multiple of the sessions."""
HALVINGS = 12
"""Maximum halvings of the range of costs, if it has too many mixes."""


def found_by(search: Search, floors: Floats | None, budget: float | None) -> Found:
    """The cheapest fleet found for floors, or the best for a budget. Raises NoFleetError, UserError."""
    return found_within(search, budget or 0.0) if floors is None else found_for(search, floors)


def found_for(search: Search, floors: Floats) -> Found:
    """The cheapest fleet found that keeps `floors`. Raises NoFleetError, UserError.

    A fleet of k times the pools earns k times as much of k times the sessions: at the sessions asked for its bound
    reaches the floors, too, and it loses less. Afterwards pools that can be spared are taken away, and mixes are
    tried: those that are cheaper, or, if no round keeps the floors, all up to the dearest fleet of the rounds.
    """
    rounds = cheapest_for(search, floors)
    if rounds[-1].keeps:
        rounds += _thinner(search, floors, rounds[-1])
    trials = try_cheaper(search, floors, rounds)
    found = Found(rounds, trials)
    if not found.fleet.keeps:
        raise NoFleetError(_nearest(rounds, trials))
    return found


def cheapest_for(search: Search, floors: Floats) -> list[Round]:
    """Rounds up to a fleet that keeps `floors`, or to the dearest that was tried. Raises NoFleetError, UserError.

    If `proven`, the first round's cost is a lower bound for these floors.
    """
    rounds: list[Round] = []
    while len(rounds) < search.source.max_rounds:
        solution = search.cheapest(floors, rounds)
        if solution is None:
            break
        rounds.append(search.round_of(solution, floors))
        if rounds[-1].keeps:
            return rounds
    if not rounds:
        raise NoFleetError("no fleet of these classes reaches the floor, even with the best placement: lower --floor")
    return [*rounds, *_larger(search, lambda times: search.cheapest(floors, [], times), floors)]


def _larger(search: Search, solve: Callable[[float], Solution | None], floors: Floats | None) -> list[Round]:
    """Of the fleets that `solve` finds for a multiple of the sessions the smallest that keeps; or else the largest."""
    low, high, tried = 1.0, np.inf, dict[tuple[int, ...], Round]()
    kept, missed = list[Round](), list[Round]()
    for _ in range(LARGER):
        times = 2 * low if high == np.inf else (low + high) / 2
        solution = solve(times)
        if solution and solution.pools not in tried:
            tried[solution.pools] = search.round_of(solution, floors)
        one = [tried[solution.pools]] if solution else []
        if one and not one[0].keeps:
            low, missed = times, one
        else:
            high, kept = times, one or kept
    return kept or missed


def _thinner(search: Search, floors: Floats, found: Round) -> list[Round]:
    fewer = thinned(search, floors, found)
    return [fewer] if fewer.cost < found.cost else []


def thinned(search: Search, floors: Floats, found: Round) -> Round:
    """The fleet without the pools that it can spare, those of the dearest class first, or as far as the work goes."""
    left = max(TRIAL_STEPS, found.steps)
    costs = [search.market.cost_of(one) for one in np.eye(len(found.pools), dtype=int).tolist()]
    for c in map(int, np.argsort(costs, kind="stable")[::-1]):
        step = 1 << max(0, found.pools[c].bit_length() - 1)
        while step and left > 0:
            if step <= found.pools[c]:
                fewer = tuple(count - step * (k == c) for k, count in enumerate(found.pools))
                less, work = search.try_mix(fewer, floors)
                found, left = less or found, left - work
            step //= 2
    return found


def try_cheaper(search: Search, floors: Floats, rounds: Sequence[Round]) -> Trials:
    """Try mixes from the first round's cost to the last's until one keeps the floors or no work is left."""
    mixes, limit = _mixes_below(search, floors, rounds)
    tried = {one.pools for one in rounds}
    left = max(TRIAL_STEPS, sum(one.steps for one in rounds))
    for number, pools in enumerate(mixes):
        if left <= 0:
            return Trials(number, search.market.cost_of(pools))
        if pools in tried:
            continue
        found, work = search.try_mix(pools, floors)
        left -= work
        if found:
            return Trials(number + 1, found.cost, found)
    return Trials(len(mixes), limit)


def _mixes_below(search: Search, floors: Floats, rounds: Sequence[Round]) -> tuple[list[tuple[int, ...]], float]:
    """Mixes for less than the last round's fleet, or than a smaller limit that has few enough; and the limit.

    None costs less than the first round's fleet if that is proven the cheapest by its bound.
    """
    least, limit = rounds[0].cost, rounds[-1].cost
    known = least * (1 - SOLVER_TOLERANCE) if rounds[0].proven else 0.0
    for _ in range(HALVINGS):
        with suppress(TooManyError):
            mixes = search.mixes_below(floors, limit)
            return [pools for pools in mixes if search.market.cost_of(pools) >= known], limit
        limit = (least + limit) / 2
    return [], least


def found_within(search: Search, budget: float) -> Found:
    """The fleet with the largest mean bound within `budget`, without pools that add nothing.

    Raises NoFleetError, UserError.
    """
    rounds = best_within(search, budget)
    kept = np.array([hour.utility for hour in rounds[-1].hours])
    return Found([*rounds, *_thinner(search, kept, rounds[-1])], None)


def best_within(search: Search, budget: float) -> list[Round]:
    """Rounds up to the fleet with the largest mean bound within `budget` that refuses as few as asked.

    Without session types the first does. Raises NoFleetError, UserError.
    """
    rounds: list[Round] = []
    while len(rounds) < search.source.max_rounds:
        solution = search.best_for(budget, rounds)
        if solution is None:
            break
        rounds.append(search.round_of(solution))
        if rounds[-1].keeps:
            return rounds
    if not rounds:
        raise NoFleetError(_no_room(search, budget))
    rounds += _larger(search, lambda times: search.best_for(budget, [], times), None)
    if rounds[-1].keeps:
        return rounds
    raise NoFleetError(f"no fleet was found for {amount(budget)} that refuses so few: {_missed(rounds[-1])}")


def _no_room(search: Search, budget: float) -> str:
    needed = f"no fleet for {amount(budget)} has the places that these sessions need: {some(search.places_needed)}"
    market = search.market
    roomy = search.cheapest(market.no_floors, [])
    return f"{needed}; the cheapest that has them costs {amount(market.cost_of(roomy.pools))}" if roomy else needed


def _nearest(rounds: Sequence[Round], trials: Trials) -> str:
    """Why none was found, and what was tried."""
    told = f"{_missed(rounds[-1])}; {trials.mixes:,} mixes looked at, none for less than {amount(trials.below)} does it"
    if rounds[-1].refusing:
        return f"no fleet was found that refuses so few: {told}; raise --refused"
    return (
        f"no fleet was found that is expected to keep the floor: the bound reaches it for {amount(rounds[0].cost)}, "
        f"but swings and placement lose too much; {told}"
    )


def _missed(last: Round) -> str:
    if last.refusing:
        return f"a fleet for {amount(last.cost)} refuses {percent(last.refusing)} of a session type"
    return f"a fleet for {amount(last.cost)} misses it by {last.missing:,.4g}"
