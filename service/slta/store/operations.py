"""Session operations and configuration fields: the tables from which both languages get their names and order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

End = Callable[[Sequence[Any], Sequence[Any]], tuple[str, str]]
"""Function of an operation's arguments and outcome that returns the session's pool id and end reason."""


class SessionOperation(NamedTuple):
    """Row of a batched operation on one session.

    `function` is its Lua function, `creates` whether it may create a session, `releases` whether it only ends or
    extends one, so that it also runs when memory is full. `ends` has the outcomes after which the session has ended.
    """

    function: str
    creates: bool = False
    releases: bool = False
    ends: Mapping[str, End] = {}


def _told(_: Sequence[Any], outcome: Sequence[Any]) -> tuple[str, str]:
    """Of an outcome that says of a session where and why it has ended; a tombstone has no reason."""
    _, reason, pool_id = outcome[:3]
    return pool_id, reason if pool_id else ""


OPERATIONS: Mapping[str, SessionOperation] = {
    "assign": SessionOperation("placements.assign", creates=True, ends={"ENDED": _told}),
    "complete": SessionOperation(
        "sessions.complete",
        releases=True,
        ends={
            "COMPLETED": lambda _, outcome: (outcome[1], "completed"),
            "ENDED": _told,
            "UNKNOWN": lambda *_: ("", ""),
        },
    ),
    "renew": SessionOperation("sessions.renew", releases=True, ends={"EXPIRED": lambda *_: ("", "expired")}),
    "adopt": SessionOperation("reports.adopt"),
    "end": SessionOperation(
        "reports.end_session",
        releases=True,
        ends={"ENDED_NOW": lambda arguments, _: (arguments[0], arguments[1])},
    ),
    "report": SessionOperation("reports.report", creates=True, ends={"ENDED": _told}),
}
"""Operations of the Lua function `batch`, each of `OPERATION_WORDS` words: name, session id and three arguments."""
OPERATION_WORDS = 5

FACTS: Mapping[str, SessionOperation] = {
    "placed": SessionOperation("replay.placed", creates=True),
    "ended": SessionOperation("replay.ended", creates=True),
}
"""Facts of the Lua function `replay`, each of `FACT_WORDS` words."""
FACT_WORDS = 6

FLEET_KEYS = {
    "string": "state document order order:full bound bound:full",
    "hash": "cold pools names addresses labels types sessions ended:0 ended:1 repair aside pool_leases pool_liveness "
    "marks",
    "zset": "early drains pool_timers forgotten",
    "list": "events",
}
"""Keys of a fleet with a fixed name, by type."""

_FIELDS = "policy utilities names capacities lease retention beta_coefficient beta_power exponent gone forget reserve"
CONFIGURATION_FIELDS = (*_FIELDS.split(), "reserve_for_priority")
"""Stored fields that follow from a fleet's document."""
PUT_ARGUMENTS = ("expected", "document", *CONFIGURATION_FIELDS, "session_types", "order", "bound")
"""Arguments of the Lua function `put` after time and author; the marginal utilities of each class follow."""


def lua_table(operations: Mapping[str, SessionOperation], first: int, words: int) -> str:
    """Lua source of a table of operations whose words begin at argument `first`."""
    creates = ", ".join(f"['{name}'] = true" for name, row in operations.items() if row.creates)
    functions = ", ".join(f"['{name}'] = {row.function}" for name, row in operations.items())
    return f"{{ first = {first}, stride = {words}, creates = {{ {creates} }}, functions = {{ {functions} }} }}"
