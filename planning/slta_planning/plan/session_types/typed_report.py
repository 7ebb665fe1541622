"""Report of a plan with session types as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slta.core.policies import POLICIES
from slta_planning.plan.plan_report import Data, answer_of, classes_of, rounds_of
from slta_planning.text import amount, columns, percent, wrapped


def typed_report(name: str, data: Data) -> str:
    """Format the report."""
    parts = [
        wrapped(answer_of(name, data)),
        classes_of(data),
        _hours(data),
        _types(data),
        wrapped(rounds_of(data)),
        wrapped(_legend(data)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _heads(data: Data) -> list[str]:
    return ["hour"] if data["hours"][0]["hour"] is not None else []


def _firsts(hour: Data) -> list[str]:
    return [] if hour["hour"] is None else [hour["hour"]]


def _hours(data: Data) -> list[str]:
    rows = [[*_heads(data), "sessions", "floor", "bound", "compatibility gap", "measured"]]
    for hour in data["hours"]:
        floor = "–" if hour["floor"] is None else f"{hour['floor']:,.2f}"
        figures = [f"{hour[name]:,.2f}".replace("-0.00", "0.00") for name in ("bound", "compatibility_gap")]
        measured = f"{hour['measured_utility']:,.2f} ± {hour['measured_error']:.2f}" if hour["runs"] else "–"
        rows.append([*_firsts(hour), amount(hour["sessions"]), floor, *figures, measured])
    return columns(rows)


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


def _legend(data: Data) -> Iterator[str]:
    when = ", on average over the hours" if len(data["hours"]) > 1 else ""
    yield "utilities are of the whole fleet, on average over time"
    yield "bound: the most that any placement can earn at these mean loads, each session in a class of its type"
    yield "compatibility gap: what more that would be if all sessions could use all classes"
    yield (
        f"measured: {POLICIES[data['policy']].title} with prices in virtual time on this fleet, with its standard "
        f"error; {_simulated(data['hours'])}"
    )
    if data["budget"] is None:
        yield "the floor is held against what is measured"
    yield f"reserve: {data['reserve']:g} belongs in the fleet file: measured and refused are with it"
    yield f"refused: share of the type's sessions, at most {percent(data['refused'])}, with its standard error"
    yield f"one more adds: to the bound{when}"


def _simulated(hours: Sequence[Data]) -> str:
    """Numbers of runs and sessions, and the seeds."""
    runs = [hour["runs"] for hour in hours if hour["runs"]]
    sessions = sum(hour["measured_sessions"] for hour in hours)
    count = f"{runs[0]}" if len(set(runs)) == 1 else f"{min(runs)} to {max(runs)}"
    each = " an hour" if len(hours) > 1 else ""
    return f"{sessions:,} sessions in {count} runs{each}, seeds from 0"
