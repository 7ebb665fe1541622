"""The reply of the function `snapshot` as a `Snapshot`."""

from __future__ import annotations

from typing import Any

from service.values import ClassSnapshot, Integrals, Snapshot, Token

WINDOWS = (60, 300, 3600)
TOKENS: tuple[Token, ...] = ("green", "yellow", "none", "open")
COUNTERS = (
    "assigned",
    "adopted",
    "completed",
    "expired",
    "failed",
    "reported_ended",
    "rejected_no_capacity",
    "rejected_no_active_pool",
    "repairs",
)


def parse_snapshot(fleet: str, reply: list[Any]) -> Snapshot:
    """`reply` is [word, document, fields, rank, counts per class, integrals, past integrals, sizes]."""
    _, document, flat, rank, columns, now, past, (tokens, ledger) = reply
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    epoch = int(fields["store_epoch"])
    counters = {name: int(fields[name]) for name in COUNTERS}
    counters["learning_steps_up"] = int(fields["steps_up"])
    counters["learning_steps_down"] = int(fields["steps_down"])
    return Snapshot(
        fleet=fleet,
        document=document,
        config_version=int(fields["config_version"]),
        policy=fields["policy"],
        store_epoch=epoch,
        suspect=bool(fields["suspect"]),
        time=int(fields["time"]),
        sessions=int(fields["sessions"]),
        draining_sessions=sum(_vector(fields, "draining_sessions")),
        utility=int(fields["utility"]),
        optimum=int(fields["optimum"]),
        rank=int(rank),
        yellow=int(fields["yellow"]),
        min_green=int(fields["min_green"]),
        classes=_classes(fields, columns),
        counters=counters,
        integrals=parse_integrals(epoch, now),
        row_bytes={"tokens": int(tokens), "ledger": int(ledger)},
        past={w: parse_integrals(epoch, line) for w, line in zip(WINDOWS, past, strict=True) if line},
    )


def _vector(fields: dict[str, str], name: str) -> list[int]:
    return [int(word) for word in fields.get(name, "").split()]


def _classes(fields: dict[str, str], columns: list[str]) -> list[ClassSnapshot]:
    names = fields["names"].split()
    slta = fields["policy"] == "slta"
    zeros = [0] * len(names)
    vectors = {name: _vector(fields, name) for name in ("draining_pools", "failed_pools", "draining_sessions")}
    assigned = {token: _vector(fields, f"assigned_{token}") for token in TOKENS}
    thresholds = _vector(fields, "thresholds") if slta else zeros
    green = _vector(fields, "green") if slta else zeros
    return [
        ClassSnapshot(
            name=name,
            counts=[int(word) for word in columns[i].split()],
            draining_pools=vectors["draining_pools"][i],
            failed_pools=vectors["failed_pools"][i],
            draining_sessions=vectors["draining_sessions"][i],
            threshold=thresholds[i],
            green=green[i],
            assigned={token: assigned[token][i] for token in TOKENS},
        )
        for i, name in enumerate(names)
    ]


def parse_integrals(store_epoch: int, line: str) -> Integrals:
    """A line of `lua/accounting.lua`'s `integrals`."""
    version, time, *rest = line.split()
    numbers = [float(word) for word in rest]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return Integrals(
        store_epoch=store_epoch,
        utilities_version=int(version),
        time=int(time),
        sessions=pairs[0],
        utility=pairs[1],
        optimum=pairs[2],
        pools=tuple(pairs[3:]),
    )
