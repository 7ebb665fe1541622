"""Session types once more, word by word from their definitions: the choice of a class, and U*(N_1 … N_T, A).

Nothing is shared with the code under test. A fleet is its pools' occupancies by class, None for an inactive pool;
utilities are integers. Only the power and the reserve's comparison, whose roundings are part of the rule, are
written as the rule writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import sqrt
from typing import Any, NamedTuple


class Fleet(NamedTuple):
    """`sets[t]` are the classes of type t; `sessions[t]` are on active pools, of these `inside[t][c]` in class c.

    `seen` are the columns without the pools that are used only while no other of the type's classes has room.
    """

    sets: Sequence[set[int]]
    columns: Sequence[Sequence[int | None]]
    worth: Sequence[Sequence[int]]
    sessions: Sequence[int]
    inside: Sequence[Sequence[int]]
    seen: Sequence[Sequence[int | None]]


class Place:
    """Where class c takes the next session: on its least occupied pool with room."""

    def __init__(self, columns: Sequence[Sequence[int | None]], worth: Sequence[Sequence[int]]) -> None:
        self.levels = {}
        for c, column in enumerate(columns):
            free = [x for x in column if x is not None and x < len(worth[c])]
            if free:
                self.levels[c] = min(free) + 1
        self.now = {c: worth[c][level - 1] for c, level in self.levels.items()}


def score(kind: int, c: int, fleet: Fleet) -> tuple[float, bool]:
    """What class c is worth to a session of this type beside all others, and whether it has a price."""
    sets, columns, worth, sessions, inside, seen = fleet
    place = Place(seen, worth)
    now = place.now[c]
    others = [place.now[e] for e in sets[kind] if e in place.now and e != c]
    if not others:
        return now, False
    mine = max(others)
    good = [level for level in range(place.levels[c], len(worth[c]) + 1) if worth[c][level - 1] > mine - 2]
    last = good[-1] if good else place.levels[c]
    after = [*worth[c], 0][last]
    finds = {
        t: max([after, *(place.now[e] for e in own if e in place.now and e != c)])
        for t, own in enumerate(sets)
        if t != kind and c in own
    }
    lows = [min((x for x in column if x is not None), default=len(worth[e])) for e, column in enumerate(seen)]
    last_filled = [worth[e][low - 1 if low else 0] for e, low in enumerate(lows)]
    come = {
        t: sessions[t] - sum(inside[t][e] for e in sets[t] if e != c and last_filled[e] > theirs + 2)
        for t, theirs in finds.items()
        if theirs <= mine - 2
    }
    needy = {t: finds[t] for t, left in come.items() if left > 0}
    count = sum(come[t] for t in needy)
    if not count or now <= min(needy.values()):
        return now, False
    active = [x for x in columns[c] if x is not None]
    room = len(active) * last
    holes = max(1, room - sum(active))
    share = min(1.0, count / room)
    waiting = count / (count + holes)
    return now - (now - min(needy.values())) * (_power(sqrt(sqrt(sqrt(share))), 3 * holes) * waiting), True


def _power(base: float, exponent: int) -> float:
    """Squares of the base for the binary digits of the exponent that are 1, multiplied from the lowest on."""
    result = 1.0
    for digit in reversed(f"{exponent:b}"):
        if digit == "1":
            result = result * base
        base = base * base
    return result


def choice(kind: int, fleet: Fleet, ranks: Mapping[Any, int], reserve: float) -> int | None:
    """The class; None if none has room. `ranks[c, level]` is the dispatch order, `reserve` ρ."""
    place = Place(fleet.seen, fleet.worth)
    with_room = {c for c in fleet.sets[kind] if c in place.now}
    left = with_room - {c for c in with_room if _is_kept(kind, c, fleet, reserve)}
    candidates = sorted(left or with_room, key=lambda c: ranks[c, place.levels[c]])
    compared: list[tuple[float, int]] = []
    for nth, c in enumerate(candidates):
        if compared and place.now[c] <= max(compared)[0]:
            break
        value, has_price = score(kind, c, fleet)
        compared.append((value, -nth))
        if not has_price:
            break
    return candidates[-max(compared)[1]] if compared else None


def _is_kept(kind: int, c: int, fleet: Fleet, reserve: float) -> bool:
    """Whether class c is kept from the type: others have no class with room but this one, and it is worth it."""
    sets, columns, worth, sessions, _, seen = fleet
    now = Place(seen, worth).now
    elsewhere = now.keys() - {c}
    mine = max((now[e] for e in sets[kind] & elsewhere), default=None)
    alone = [t for t, own in enumerate(sets) if t != kind and c in own and not own & elsewhere]
    room = sum(len(worth[c]) - x for x in columns[c] if x is not None)
    if mine is None or not alone:
        return False
    likely = 1.0 + sum(sessions[t] for t in alone)
    within = float(room) * room * (now[c] - mine) <= 8.0 * reserve * reserve * likely * mine
    return room <= reserve * (1 + sqrt(likely)) and within


def optimum(
    sets: Sequence[set[int]], pools: Sequence[int], worth: Sequence[Sequence[int]], sessions: Sequence[int]
) -> int | None:
    """U*(N_1 … N_T, A) over every way to spread each type; None if there is no room for all."""
    values = [_column(count, tuple(column)) for count, column in zip(pools, worth, strict=True)]

    @cache
    def best(t: int, held: tuple[int, ...]) -> int | None:
        if t == len(sets):
            return sum(values[c][n] for c, n in enumerate(held))
        found = [best(t + 1, more) for more in _spread(sorted(sets[t]), sessions[t], held, values)]
        return max((value for value in found if value is not None), default=None)

    return best(0, (0,) * len(pools))


def _column(pools: int, worth: tuple[int, ...]) -> list[int]:
    """The utility of 0, 1, 2, … sessions on these pools, the best places first."""
    values = [0]
    for marginal in worth:
        for _ in range(pools):
            values.append(values[-1] + marginal)
    return values


def _spread(
    classes: list[int], count: int, held: tuple[int, ...], values: list[list[int]]
) -> Iterator[tuple[int, ...]]:
    """All ways to put `count` sessions into these classes."""
    if not classes:
        if count == 0:
            yield held
        return
    c = classes[0]
    for here in range(min(count, len(values[c]) - 1 - held[c]) + 1):
        yield from _spread(classes[1:], count - here, (*held[:c], held[c] + here, *held[c + 1 :]), values)
