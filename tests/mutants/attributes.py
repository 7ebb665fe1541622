"""Planted mistakes in addresses, labels and the options of operations."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

RECORD = "        self._replay_log.record(self._fleet, stamp, operations, reply[1])\n"
ADD = "        with_attributes(reply[1], reply[2])\n"
STORE, POOLS, BULK = "store/attributes", "api/pools", "api/operations"

MUTANTS: dict[str, Mutant] = {
    "a removed pool leaves its address to the next of its name": lua(
        "pools", "    attributes.clear(fleet, pool.pool_id)\n    drains.", "    drains.", STORE
    ),
    "an address that is left out is removed": lua("attributes", "given ~= KEPT and given", "given", STORE),
    "an address is never removed": lua("attributes", "value == CLEARED", "false", STORE),
    "a changed address is not told until the cache is dropped": lua(
        "attributes",
        "    fleet.attribute_list = cache.next_version(fleet.attribute_list)\n",
        "    fleet.attribute_list = 1\n",
        STORE,
    ),
    "a changed address renews the copy of names": lua(
        "attributes",
        "    fleet.attribute_list = cache.next_version(fleet.attribute_list)\n",
        "    fleet.attribute_list = cache.next_version(fleet.attribute_list)\n"
        "    fleet.pool_list = cache.next_version(fleet.pool_list)\n",
        STORE,
    ),
    "a present pool with a new address counts as unchanged": lua(
        "pools", "elseif pool_number and attributes.differ", "elseif false and attributes.differ", STORE
    ),
    "in a batch an address is that of the operation before": lua(
        "batches",
        "add_attributes(fleet, found, #outcomes + 1,",
        "add_attributes(fleet, found, math.max(1, #outcomes),",
        STORE,
    ),
    "a refusal has no address": lua(
        "placements", "    return ended, ended_on\n  elseif not fleet", "    return ended\n  elseif not fleet", STORE
    ),
    "the choice of a comparison has no address": lua("reports", "choice ~= '' and choice or nil", "nil", STORE),
    "labels come unasked": lua("sessions", "options ~= '' and string.find(options, ' labels', 1, true)", "true", STORE),
    "touch renews nothing": lua("placements", "string.find(options, ' touch', 1, true)", "false", STORE),
    "each replay renews": lua("placements", "string.find(options, ' touch', 1, true)", "true", STORE),
    "an unmarked complete leaves a tombstone": lua("sessions", "options == 'unmarked'", "false", STORE),
    "the replay log keeps addresses": python(
        "store/batching/batcher",
        f"{RECORD}{ADD}",
        f"{ADD}{RECORD}",
        STORE,
    ),
    "labels may be of any size": python(
        "parsing/pool_attributes", "if size > MAX_LABEL_BYTES", "if False", "api/validation"
    ),
    "an absent attribute is null": python(
        "api/pool_schemas", 'self.address if "address" in given else UNCHANGED', "self.address", POOLS
    ),
    "a report of a batch names no pool": python(
        "api/schemas", "report_option(self.pool_id, late", 'report_option("", late', BULK
    ),
    "a complete of a batch is marked": python("api/schemas", '"" if operation.complete.mark else UNMARKED', '""', BULK),
}
