"""Planted mistakes in finding the master of a fleet on a cluster. Only tests on real clusters notice most of them."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

LIST, MASTERS, MOVED_SLOTS = "store/cluster/list", "store/cluster/masters", "store/cluster/moved_slots"

MUTANTS: dict[str, Mutant] = {
    "a call names one key": python(
        "store/client/functions",
        'keys = (key_of(fleet), f"{{{fleet}}}:-")',
        "keys = (key_of(fleet),)",
        MOVED_SLOTS,
    ),
    "what MOVED says is not learned": python(
        "store/client/cluster", "self._topology.moved(slot, address, monotonic())", "pass", MASTERS
    ),
    "questions to nodes outlive their round": python(
        "store/client/cluster",
        "            await asyncio.gather(*tasks, return_exceptions=True)  # an error",
        "            # an error",
        "store/cluster_replies",
    ),
    "a reply of a master that gave the slot away is believed": python(
        "store/client/pipeline", "if connections.routing.where(key) != pool.address:", "if False:", MASTERS
    ),
    "the list of fleets is not remembered": python(
        "store/fleets", "if not self._functions.is_cluster:", "if True:", LIST
    ),
    "nodes are connected to by name without TLS": python(
        "store/client/topology", "reversed(hosts) if by_name else hosts", "reversed(hosts)", "store/topology"
    ),
}
