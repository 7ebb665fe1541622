"""The table of faults: what each is, where it is planted, and in which modes of durability it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from lab.faults import on_cluster, on_dispatchers, on_group, on_replay, on_store, on_the_way, power
from lab.faults.fault import ALL, ASYNC, EMBEDDED_SERVER, SEVERAL, Fault
from lab.faults.observing import MIDDLE
from lab.faults.system import (
    CLUSTER,
    CLUSTER_BEHIND_RELAYS,
    EMBEDDED,
    FRONTED,
    MASTERS_ALONE,
    ONE_REPLICA,
    PATIENT_CLUSTER,
    RELAYED,
    SENTINEL,
    SILENT_BEHIND_SENTINELS,
    SILENT_THIRD,
    Shape,
)

everywhere = partial(Fault, modes=ALL)
relayed = partial(Fault, shape=RELAYED)
own = partial(Fault, shape=EMBEDDED)
silent = partial(Fault, shape=SILENT_THIRD)
behind_sentinels = partial(Fault, shape=SENTINEL, modes=SEVERAL, fails="the master")
of_the_network = partial(behind_sentinels, fails="the network")
replicas_behind = partial(behind_sentinels, effects="bytes that no replica had", fails="the master, replicas behind")
END = "the end of the store's file"
master = partial(Fault, shape=CLUSTER, modes=SEVERAL, fails="a master of a cluster")
slot = partial(master, fails="nothing: a slot moves")


def _lost(name: str, title: str, change: Callable[..., Awaitable[int]]) -> dict[str, Fault]:
    """Faults in which a store loses a change: with the end of its file, or at a failover to a replica."""
    cut, behind = (partial(change, lose=lose) for lose in (on_replay.cut, on_replay.behind))
    replica = "… at a failover to a replica that had not heard of it"
    return {
        f"{name}-cut": Fault(title, cut, "bytes lost", fails=END, is_under_load=False),
        f"{name}-behind": replicas_behind(replica, behind, is_under_load=False),
    }


FULL = "a full fleet's store loses the second in which one dispatcher ended sessions and another filled their places"
POOLS = "a store loses the second in which pools were made and sessions placed on them"
CUT = "the store's file is cut by a second; a dispatcher looks when others have written more"
NOTHING_LOST = "the store is killed (-9) and lost nothing; a dispatcher was silent for 15 s"
JOINED = "a replica of priority 0 joins, the other one hears nothing for 3 s, then the master is killed"
STANDS_STILL = "one of three masters stands still until its replica is promoted, and 6 s more"
NOT_HEARD = "one of three masters hears no other node for 8 s after its replica is promoted"
BEHIND = "a replica hears nothing for 3 s, its master is killed, and it is promoted more than 10 s after that"
ALONE = "one of three masters without replicas stands still, and leases end on the others"
LIST_AWAY = "the master that has the list of fleets, and no replica, is away for 10 s"
BYTES, CLIENTS_BYTES = on_the_way.cut_at_every_byte, on_the_way.client_cut_at_every_byte
HEARD_LESS = "bytes that the promoted replica did not have"
CUT_OFF = "times clients were cut off"
FAULTS: Mapping[str, Fault] = {
    "store-killed": Fault("the store is killed (-9) 4 times", on_store.killed, "restarts"),
    "store-frozen": Fault("the store stands still (SIGSTOP) 3 times for 2 s", on_store.frozen, "silences"),
    "dispatcher-killed": everywhere("dispatchers are killed (-9) 6 times", on_dispatchers.killed, CUT_OFF),
    "dispatcher-frozen": everywhere(
        "dispatchers stand still (SIGSTOP) 2 times for 4 s", on_dispatchers.frozen, "calls given up"
    ),
    "cut": relayed("connections to the store are cut at random bytes", on_the_way.cut, "cuts"),
    "every-byte": relayed("… at every byte of one assign and one complete", BYTES, "cuts", is_under_load=False),
    "every-byte-of-client": Fault(
        "a client's connection is cut at every byte of the same", CLIENTS_BYTES, "cuts", FRONTED, is_under_load=False
    ),
    "late": relayed("replies come 0.1 to 3 s late", on_the_way.late, "late replies"),
    "half-open": relayed("connections fall silent", on_the_way.half_open, "silent connections"),
    "functions-flushed": everywhere("FUNCTION FLUSH 20 times", on_store.functions_flushed, "times loaded again"),
    "clients-killed": everywhere("CLIENT KILL 40 times", on_store.clients_killed, "connections cut"),
    "memory-full": Fault("maxmemory is reached 3 times", on_store.filled, "assigns refused"),
    "rewritten": Fault("BGREWRITEAOF and kill -9, 3 times", on_store.rewritten_and_killed, "rewrites"),
    "own-dispatcher-killed": own(
        "a dispatcher with a store of its own is killed (-9) 6 times", on_dispatchers.killed, CUT_OFF
    ),
    "own-store-killed": own("its store is killed (-9) 3 times", on_dispatchers.store_of_its_own_killed, "restarts"),
    "own-both-killed": own(
        "both are killed (-9) at once 6 times, the disk being busy",
        on_dispatchers.killed_with_its_store,
        "restarts",
        fails="a dispatcher with its store",
    ),
    "hostile": Fault("hostile bytes at the dispatchers", on_dispatchers.harassed, "connections ended", modes=ASYNC),
    "power": Fault(
        "the power fails", power.lost, "power failures", Shape(watched=power.watched), fails="the power of the store"
    ),
    "master-killed": behind_sentinels("the master is killed (-9)", on_group.master_killed, "failovers"),
    "master-frozen": behind_sentinels("the master stands still for 6 s", on_group.master_frozen, "failovers"),
    "restarted-silent": silent(NOTHING_LOST, on_replay.nothing_lost_by_restart, "restarts"),
    "deleted-silent": silent(
        "… and a fleet was deleted and made anew meanwhile", on_replay.made_anew, "ended sessions that stayed ended"
    ),
    "cut-silent": silent(CUT, on_replay.lost_and_overwritten, "bytes lost", modes=ASYNC, fails=END),
    **_lost("full", FULL, on_replay.full),
    **_lost("pools", POOLS, on_replay.pools_made),
    "failover-silent": behind_sentinels(
        "SENTINEL FAILOVER; a dispatcher was silent for 15 s",
        on_replay.nothing_lost_by_failover,
        "failovers",
        shape=SILENT_BEHIND_SENTINELS,
    ),
    "replicas-behind": replicas_behind(
        "the replicas hear nothing for 0.4 s, then the master is killed", on_group.replicas_behind
    ),
    "replica-joined": replicas_behind(
        JOINED, on_group.replica_joined, effects=HEARD_LESS, shape=ONE_REPLICA, modes=("replicated",)
    ),
    "partition": of_the_network(
        "the master is cut off for 8 s with both dispatchers", on_group.partitioned, "further masters"
    ),
    "overtaken": of_the_network(
        "… with one dispatcher, and most calls go to the other", on_group.overtaken, "further masters"
    ),
    "cluster-master-killed": master(
        "one of three masters of a cluster is killed (-9)", on_cluster.master_killed, "failovers"
    ),
    "cluster-master-frozen": master(STANDS_STILL, on_cluster.master_frozen, "failovers"),
    "cluster-partition": master(
        NOT_HEARD, on_cluster.partitioned, "failovers", shape=CLUSTER_BEHIND_RELAYS, fails="the network of a cluster"
    ),
    "cluster-replica-behind": master(
        BEHIND,
        on_cluster.replica_behind,
        "bytes that it did not have",
        shape=PATIENT_CLUSTER,
        fails="a master of a cluster, its replica behind",
    ),
    "shard-frozen": master(ALONE, on_cluster.shard_frozen, "leases that ended", shape=MASTERS_ALONE, modes=ASYNC),
    "slot-moved": slot(
        "the slot of a fleet moves atomically 20 times", on_cluster.slot_moved, "moves", servers=EMBEDDED_SERVER
    ),
    "slot-half-moved": slot("the slot of a fleet moves key by key, 0.1 s apart", on_cluster.slot_half_moved, "steps"),
    "master-added": slot(
        "a master joins a cluster and gets the slot of a fleet", on_cluster.master_added, "masters", modes=ASYNC
    ),
    "list-away": master(LIST_AWAY, on_cluster.list_away, "restarts", fleet=MIDDLE, shape=MASTERS_ALONE, modes=ASYNC),
    "library-missing": master(
        "FUNCTION FLUSH on one master of a cluster 20 times",
        on_store.functions_flushed,
        "times loaded again",
        modes=ASYNC,
    ),
}
