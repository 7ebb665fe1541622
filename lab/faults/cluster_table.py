"""The faults of clusters, a part of the table of faults."""

from __future__ import annotations

from collections.abc import Mapping

from lab.faults import on_cluster, on_store
from lab.faults.fault import ASYNC, EMBEDDED_SERVER, SEVERAL, Fault
from lab.faults.observing import MIDDLE, observed
from lab.faults.system import CLUSTER, CLUSTER_BEHIND_RELAYS, MASTERS_ALONE, PATIENT_CLUSTER

CLUSTER_FAULTS: Mapping[str, Fault] = {
    "cluster-master-killed": Fault(
        "one of three masters of a cluster is killed (-9)",
        observed(on_cluster.master_killed),
        "failovers",
        CLUSTER,
        SEVERAL,
        "a master of a cluster",
    ),
    "cluster-master-frozen": Fault(
        "one of three masters stands still until its replica is promoted, and 6 s more",
        observed(on_cluster.master_frozen),
        "failovers",
        CLUSTER,
        SEVERAL,
        "a master of a cluster",
    ),
    "cluster-partition": Fault(
        "one of three masters hears no other node for 8 s after its replica is promoted",
        observed(on_cluster.partitioned),
        "failovers",
        CLUSTER_BEHIND_RELAYS,
        SEVERAL,
        "the network of a cluster",
    ),
    "cluster-replica-behind": Fault(
        "a replica hears nothing for 3 s, its master is killed, and it is promoted more than 10 s after that",
        observed(on_cluster.replica_behind),
        "bytes that it did not have",
        PATIENT_CLUSTER,
        SEVERAL,
        "a master of a cluster, its replica behind",
    ),
    "shard-frozen": Fault(
        "one of three masters without replicas stands still, and leases end on the others",
        observed(on_cluster.shard_frozen),
        "leases that ended",
        MASTERS_ALONE,
        ASYNC,
        "a master of a cluster",
    ),
    "slot-moved": Fault(
        "the slot of a fleet moves atomically 20 times",
        observed(on_cluster.slot_moved),
        "moves",
        CLUSTER,
        SEVERAL,
        "nothing: a slot moves",
        servers=EMBEDDED_SERVER,
    ),
    "slot-half-moved": Fault(
        "the slot of a fleet moves key by key, 0.1 s apart",
        observed(on_cluster.slot_half_moved),
        "steps",
        CLUSTER,
        SEVERAL,
        "nothing: a slot moves",
    ),
    "master-added": Fault(
        "a master joins a cluster and gets the slot of a fleet",
        observed(on_cluster.master_added),
        "masters",
        CLUSTER,
        ASYNC,
        "nothing: a slot moves",
    ),
    "list-away": Fault(
        "the master that has the list of fleets, and no replica, is away for 10 s",
        observed(on_cluster.list_away, MIDDLE),
        "restarts",
        MASTERS_ALONE,
        ASYNC,
        "a master of a cluster",
    ),
    "library-missing": Fault(
        "FUNCTION FLUSH on one master of a cluster 20 times",
        observed(on_store.functions_flushed),
        "times loaded again",
        CLUSTER,
        ASYNC,
        "a master of a cluster",
    ),
}
