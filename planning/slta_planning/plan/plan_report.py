"""Report of a plan as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from slta.core.limits import MAX_POOLS
from slta.core.policies import POLICIES
from slta_planning.plan.expected import difference
from slta_planning.text import amount, columns, counted, percent, wrapped

Data = Mapping[str, Any]
HOUR = {
    "bound": "bound",
    "compatibility_gap": "compatibility gap",
    "expected_swing_gap": "swing gap",
    "expected_placement_gap": "placement gap",
    "expected_utility": "expected",
}
"""Figures that an hour may have, and their heads."""


def report(name: str, data: Data) -> str:
    """Format the report."""
    typed = "reserve" in data
    parts = [
        wrapped(_answer(name, data)),
        _classes(data),
        _hours(data),
        _types(data) if typed else [],
        wrapped([*_rounds(data), *([] if typed else _below(data))]),
        wrapped(_legend(data)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _answer(name: str, data: Data) -> Iterator[str]:
    pools = ", ".join(f"{count:,} {pool_class}" for pool_class, count in data["pools"].items() if count)
    loads = [hour["sessions"] for hour in data["hours"]]
    held = (
        f"{amount(loads[0])} sessions"
        if len(loads) == 1
        else f"{len(loads)} hours of up to {amount(max(loads))} sessions"
    )
    budget = data["budget"]
    what = "the cheapest fleet found" if budget is None else f"the best fleet within a budget of {amount(budget)}"
    n = sum(data["pools"].values())
    yield (f"{name}: {what} for {held} has {counted(n, 'pool')} ({pools}) and costs {amount(data['cost'])}")
    if n > MAX_POOLS:
        cells = ceil(n / MAX_POOLS)
        yield f"a fleet has at most {MAX_POOLS:,} pools: use {cells} fleets, each with a part of each class's pools"


def _classes(data: Data) -> list[str]:
    head = ["class", "pools", "cost of one", "cost", "one more adds", "per cost"]
    rows = [
        [
            name,
            f"{data['pools'][name]:,}",
            amount(found["cost"]),
            amount(found["cost"] * data["pools"][name]),
            f"{found['adds']:,.4g}",
            f"{found['adds_per_cost']:,.4g}",
        ]
        for name, found in data["classes"].items()
    ]
    return columns([head, *rows])


def _hours(data: Data) -> list[str]:
    figures = {name: head for name, head in HOUR.items() if name in data["hours"][0]}
    rows = [[*_heads(data), "sessions", "floor", *figures.values(), "measured"]]
    for hour in data["hours"]:
        floor = "–" if hour["floor"] is None else f"{hour['floor']:,.2f}"
        shown = [f"{hour[name]:,.2f}".replace("-0.00", "0.00") for name in figures]
        error = hour["measured_error"]
        measured = "–" if error is None else f"{hour['measured_utility']:,.2f} ± {error:.2f}"
        rows.append([*_firsts(hour), amount(hour["sessions"]), floor, *shown, measured])
    return columns(rows)


def _heads(data: Data) -> list[str]:
    return ["hour"] if data["hours"][0]["hour"] is not None else []


def _firsts(hour: Data) -> list[str]:
    return [] if hour["hour"] is None else [hour["hour"]]


def _types(data: Data) -> list[str]:
    """Offered, refused and sessions by class of each type and hour."""
    used = [name for name, count in data["pools"].items() if count]
    rows = [[*_heads(data), "type", "offered", "refused", *(f"in {name}" for name in used)]]
    for hour in data["hours"]:
        for name, found in hour["session_types"].items():
            refused = f"{percent(found['refused'])} ± {100 * found['refused_error']:.2f}"
            held = [f"{found['sessions'][pool_class]:,.1f}" for pool_class in used]
            rows.append([*_firsts(hour), name, amount(found["offered"]), refused, *held])
    return columns(rows)


def _rounds(data: Data) -> Iterator[str]:
    """What each round found, and the bounds of the cost; for a budget only what some rounds missed."""
    for number, found in enumerate(data["rounds"], start=1):
        missed = " and ".join(_missed(found))
        if missed or data["budget"] is None:
            yield f"round {number}: a fleet for {amount(found['cost'])} {missed or 'is expected to keep the floor'}"
    if data["budget"] is not None:
        return
    yield from _trials(data)
    yield _least(data)


def _missed(found: Data) -> Iterator[str]:
    if found["missing"]:
        yield f"misses the floor by {found['missing']:,.4g}"
    if found.get("refused"):
        yield f"refuses {percent(found['refused'])} of a session type"


def _trials(data: Data) -> Iterator[str]:
    """Result of the mixes tried, and the lower bound of what they could cost."""
    mixes, below = data["looked"]["mixes"], data["looked"]["none_below"]
    told = f"cheaper mixes: {mixes:,} looked at"
    if data["cost"] < data["rounds"][-1]["cost"]:
        yield f"{told}; a fleet for {amount(below)} is expected to keep the floor, none below"
    elif below < data["cost"]:
        yield f"{told}; none below {amount(below)} is expected to keep the floor"
    elif mixes:
        yield f"cheaper mixes: {mixes:,}, all looked at; none is expected to keep the floor"


def _least(data: Data) -> str:
    """Lower bound of the cost."""
    if not data["proven"]:
        return "the solver ran out of time: there may be a cheaper fleet"
    least = data["rounds"][0]["cost"]
    if data["cost"] <= least:
        return "no cheaper fleet can earn the floor, however its sessions are placed"
    saved = percent(1 - least / data["cost"])
    return f"no fleet for less than {amount(least)} ({saved} less) can earn the floor, however its sessions are placed"


def _below(data: Data) -> Iterator[str]:
    """That an hour's measured utility is below the floor, which is held against the expected one."""
    hours = [hour for hour in data["hours"] if None not in (hour["floor"], hour["measured_utility"])]
    worst = max(hours, key=lambda hour: hour["floor"] - hour["measured_utility"], default=None)
    if worst and (missing := difference(worst["floor"], worst["measured_utility"])) > 0:
        at = "" if worst["hour"] is None else f" in hour {worst['hour']}"
        yield (
            f"measured is below the floor by {missing:,.4g} ± {worst['measured_error']:,.2g}{at}, as the floor is held "
            "against what is expected; a higher --floor leaves a margin"
        )


def _legend(data: Data) -> Iterator[str]:
    when = ", on average over the hours" if len(data["hours"]) > 1 else ""
    yield "utilities are of the whole fleet, on average over time"
    yield from _simulated(data) if "reserve" in data else _expected(data)
    yield f"one more adds: to the bound{when}"


def _expected(data: Data) -> Iterator[str]:
    title = POLICIES[data["policy"]].title
    yield "bound: the most that any placement can earn at this mean load"
    yield "swing gap: what the load's own swings cost any placement, for Poisson arrivals"
    yield f"placement gap: what {title} is expected to lose against the best placement, {_source(data)}"
    yield "expected: the bound less both; the floor is held against this"
    yield f"measured: {title} in virtual time on this fleet, with its standard error"


def _source(data: Data) -> str:
    ways = {hour["predicted"] for hour in data["hours"]}
    words = {True: "predicted", False: "measured in virtual time"}
    return words[ways.pop()] if len(ways) == 1 else "predicted, or measured in virtual time where that is not offered"


def _simulated(data: Data) -> Iterator[str]:
    yield "bound: the most that any placement can earn at these mean loads, each session in a class of its type"
    yield "compatibility gap: what more that would be if all sessions could use all classes"
    yield (
        f"measured: {POLICIES[data['policy']].title} with prices in virtual time on this fleet, with its standard "
        f"error; {_runs(data['hours'])}"
    )
    if data["budget"] is None:
        yield "the floor is held against what is measured"
    yield f"reserve: {data['reserve']:g} belongs in the fleet file: measured and refused are with it"
    yield f"refused: share of the type's sessions, at most {percent(data['refused'])}, with its standard error"


def _runs(hours: Sequence[Data]) -> str:
    """Numbers of runs and sessions, and the seeds."""
    runs = [hour["runs"] for hour in hours if hour["runs"]]
    sessions = sum(hour["measured_sessions"] for hour in hours)
    count = f"{runs[0]}" if len(set(runs)) == 1 else f"{min(runs)} to {max(runs)}"
    each = " an hour" if len(hours) > 1 else ""
    return f"{sessions:,} sessions in {count} runs{each}, seeds from 0"
