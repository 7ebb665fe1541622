"""Session operations and arguments of Lua functions: the tables from which both languages get their names and order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

_KEYS = """fleet document tables records names addresses labels sessions yellow types timers ended:0 ended:1 early
    refused forgotten events quality restored aside"""
FLEET_KEYS = tuple(_KEYS.split())
"""Keys of a fleet with a fixed name, also for `lua/state/keys.lua`."""

_FIELDS = """policy utilities names:words capacities:numbers lease:number retention:number beta_coefficient:number
    beta_power:number exponent:number gone:number forget:number reserve:number reserve_for_priority:number
    scale_window:number quality"""
_CONFIGURATION = f"expected document {_FIELDS} session_types order bound marginals:list"
_FUNCTIONS = {
    "batch release": "operations:raw",
    "beat beat_full": "ids:words ttls:numbers counts:words qualities:words attributes:rows,position,address,labels",
    "end_guard": "author pool_class",
    "tick": "shared:flag audits:flag excesses:rows,interval,excess",
    "restore": "incarnation:number items:rows,kind,id,pool_id,detail,lease,incarnation,revision",
    "put": f"author file {_CONFIGURATION}",
    "finish_file": "file",
    "delete": "author expected",
    "add_pools": "author quota pools:rows,pool_id,pool_class,address,labels",
    "set_status": "author pool_id status drain",
    "set_statuses": "author status drain pool_class pool_ids:list",
    "remove_pool": "author pool_id",
    "move_pool": "author pool_id pool_class address labels",
    "recover snapshot config events": "",
    "session": "session_id",
    "past": "window:number",
    "pool": "pool_id",
    "pool_page": "first:number limit:number status liveness pool_class",
    "pool_sessions": "pool_id as_of types:list",
    "begin_compare": _CONFIGURATION,
    "begin_rebuild": f"author {_CONFIGURATION}",
    "compare rebuild": "run work:number",
    "store_audit": "claim result",
    "block_repair": "reason",
}
ARGUMENTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    function: {name: (kind or "text").split(",") for name, _, kind in (row.partition(":") for row in rows.split())}
    for functions, rows in _FUNCTIONS.items()
    for function in functions.split()
}
"""Types by name of the arguments of each Lua function after the time, in order.

`text` ('' for None), `number`, `flag`, and `words` or `numbers` with blanks between are one word. The last argument may
take all further words: `list` one for each element, `rows` those of a table with the columns that follow, and `raw`
those of a table that the function reads itself.
"""

Word = str | int | float
Value = Word | Iterable[Any] | None


def _joined(value: str | Iterable[Word]) -> list[Word]:
    return [value if isinstance(value, str) else " ".join(map(str, value))]


def _flat(rows: Iterable[Iterable[Word]] | None) -> list[Word]:
    return [word for row in rows or () for word in row]


_TYPES: Mapping[str, tuple[Callable[[Any], list[Word]], str]] = {
    "text": (lambda value: ["" if value is None else value], "args[{at}] or ''"),
    "number": (lambda value: [value], "tonumber(args[{at}])"),
    "words": (_joined, "vectors.split(args[{at}])"),
    "numbers": (_joined, "vectors.split(args[{at}], true)"),
    "flag": (lambda value: ["1" if value else ""], "args[{at}] == '1'"),
    "list": (lambda value: list(value or ()), "{{ unpack(args, {at}) }}"),
    "rows": (_flat, "rows(args, {at}, {{ {columns} }})"),
    "raw": (_flat, "args"),
}
"""By type the words of a value, and the value in Lua."""
_OPTIONAL = frozenset({"flag", "list", "rows", "raw"})


def encode(function: str, given: Mapping[str, Value]) -> list[Word]:
    """Words of the arguments of a Lua function; a flag, and what takes all further words, may be missing.

    TypeError for any other that is missing, and for an unknown one.
    """
    words: list[Word] = []
    for name, (kind, *_) in ARGUMENTS[function].items():
        if name not in given and kind not in _OPTIONAL:
            raise TypeError(f"argument {name} of the Lua function {function} is missing")
        words += _TYPES[kind][0](given.get(name))
    if unknown := given.keys() - ARGUMENTS[function].keys():
        raise TypeError(f"the Lua function {function} has no argument {', '.join(sorted(unknown))}")
    return words


def lua_preludes() -> str:
    """Lua source of a table of functions: by name the one that returns its arguments by name, and the time `clock`."""
    preludes = []
    for function, arguments in ARGUMENTS.items():
        fields = ["clock = tonumber(args[1]) or fleet_time.server_time()"]
        for at, (name, (kind, *columns)) in enumerate(arguments.items(), 2):
            fields.append(f"{name} = {_TYPES[kind][1].format(at=at, columns=str(columns)[1:-1])}")
        preludes.append(f"{function} = function(args, rows) return {{ {', '.join(fields)} }} end")
    return f"{{ {', '.join(preludes)} }}"


def lua_table(operations: Mapping[str, SessionOperation], function: str, words: int) -> str:
    """Lua source of a table of operations, rows of the last argument of a function."""
    first = 1 + len(ARGUMENTS[function])
    creates = ", ".join(f"['{name}'] = true" for name, row in operations.items() if row.creates)
    functions = ", ".join(f"['{name}'] = {row.function}" for name, row in operations.items())
    return f"{{ first = {first}, stride = {words}, creates = {{ {creates} }}, functions = {{ {functions} }} }}"
