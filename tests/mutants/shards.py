"""Planted mistakes in reading a cluster's topology, in readiness, and in what a fleet remembers of its file."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

TOPOLOGY, CONFIGURE, PROBES = "store/topology", "store/configure", "api/probes"

MUTANTS: dict[str, Mutant] = {
    "an older claim to a slot wins": python("store/client/topology", "key=lambda node: node.epoch", "key=id", TOPOLOGY),
    "what others say of a node is preferred": python(
        "store/client/topology",
        "(node.epoch, node.is_own) > (known.epoch, known.is_own)",
        "node.epoch > known.epoch",
        TOPOLOGY,
    ),
    "a node that was cut off is believed": python(
        "store/client/topology", "known.epoch > found[node_id].epoch if", "False if", TOPOLOGY
    ),
    "a node that knows nobody makes all others forgotten": python(
        "store/client/topology", "if node_id in found else is_minority", "if node_id in found else False", TOPOLOGY
    ),
    "an older view takes back what MOVED said": python(
        "store/client/topology", "if moved[1] >= asked}", "if False}", TOPOLOGY
    ),
    "slots on the move are the target's": python(
        "store/client/topology", '.partition("[")[0]', '.replace("[", "").partition("->")[0]', TOPOLOGY
    ),
    "slots without an owner are not counted": python(
        "api/routes/probes", "unowned_slots=store.unowned_slots", "unowned_slots=0", PROBES
    ),
    "shards that refuse are not counted": python(
        "api/routes/probes", 'if status == "ready" and (answer', "if False and (answer", PROBES
    ),
    "a fleet file without its pools is finished": python(
        "store/fleets", "begun = file and file + UNFINISHED", "begun = file", CONFIGURE
    ),
    "the PUT of a fleet file does not remember it": lua(
        "library", "if reply[1] == 'CONFIGURED' then", "if false then", CONFIGURE
    ),
    "a clock that is back by half a second holds all leases": lua(
        "accounting", "if elapsed < 0 and elapsed > -accounting.MAX_BACK then", "if false then", "store/sessions"
    ),
}
