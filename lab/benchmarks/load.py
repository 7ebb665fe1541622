"""How much is asked of the sides, and on which fleet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.benchmarks.sides import Side

MAX_LEVELS = 16_384
"""Of a fleet: the capacities of its classes together."""
MAX_CAPACITY = 2048
"""Of a class here: enough for the side that only assigns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How much, on what. `connections` are of all dispatchers together; calls of many operations have `bulk` of them.

    `occupancy` is the number of sessions per pool at the start of a round.
    """

    seconds: float = 5.0
    connections: int = 64
    bulk_connections: int = 4
    dispatchers: int = 1
    pools: int = 100
    classes: int = 2
    fleets: int = 1
    occupancy: int = 10
    policy: str = "slta"

    def connections_of(self, side: Side) -> int:
        """To each dispatcher."""
        return max(1, (self.bulk_connections if side.kind == "bulk" else self.connections) // self.dispatchers)

    def young(self, side: Side) -> int:
        """Sessions that arrive between one and its completion, at least: more than the calls in flight have."""
        return self.connections_of(side) * (side.operations if side.kind == "bulk" else 4)

    def live(self, side: Side) -> int:
        """Sessions of a fleet that a dispatcher's client finds: the occupancy asked for, or twice the young."""
        return max(self.occupancy * self.pools // self.dispatchers, 2 * self.young(side))


def fleet_document(load: Load, *, has_addresses: bool = False) -> dict[str, Any]:
    """Classes of unlike curves, with as much room as a fleet may have; addresses have about 21 bytes."""
    room = min(MAX_CAPACITY, MAX_LEVELS // load.classes)
    classes = [
        {
            "name": f"c{k}",
            "utility": {"kind": "log_share", "resource": 20 + 3 * k},
            "capacity": room,
            "pools": len(range(k, load.pools, load.classes)),
        }
        | ({"address": "192.168.100.{n}:18080"} if has_addresses else {})
        for k in range(load.classes)
    ]
    return {"policy": load.policy, "lease_seconds": 3600, "classes": classes}
