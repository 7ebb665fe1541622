"""The table of faults: what each is, where it is planted, and in which modes of durability it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from lab.faults import on_dispatchers, on_group, on_replay, on_store, on_the_way, power
from lab.faults.cluster_table import CLUSTER_FAULTS
from lab.faults.fault import ALL, ASYNC, SEVERAL, Fault
from lab.faults.system import (
    EMBEDDED,
    FRONTED,
    ONE_REPLICA,
    RELAYED,
    SENTINEL,
    SILENT_BEHIND_SENTINELS,
    SILENT_THIRD,
    Shape,
)


def _lost(name: str, title: str, change: Callable[..., Awaitable[int]]) -> dict[str, Fault]:
    """What a store loses of a change: with the end of its file, or at a failover to a replica."""
    cut, behind = (partial(change, lose=lose) for lose in (on_replay.cut, on_replay.behind))
    end, replica = "the end of the store's file", "… at a failover to a replica that had not heard of it"
    return {
        f"{name}-cut": Fault(title, cut, "bytes lost", fails=end, is_under_load=False),
        f"{name}-behind": replace(REPLICAS_BEHIND, title=replica, plant=behind, is_under_load=False),
    }


REPLICAS_BEHIND = Fault(
    "the replicas hear nothing for 0.4 s, then the master is killed",
    on_group.replicas_behind,
    "bytes that no replica had",
    SENTINEL,
    SEVERAL,
    "the master, replicas behind",
)
FAULTS: Mapping[str, Fault] = {
    "store-killed": Fault("the store is killed (-9) 4 times", on_store.killed, "restarts"),
    "store-frozen": Fault("the store stands still (SIGSTOP) 3 times for 2 s", on_store.frozen, "silences"),
    "dispatcher-killed": Fault(
        "dispatchers are killed (-9) 6 times", on_dispatchers.killed, "times clients were cut off", modes=ALL
    ),
    "dispatcher-frozen": Fault(
        "dispatchers stand still (SIGSTOP) 2 times for 4 s", on_dispatchers.frozen, "calls given up", modes=ALL
    ),
    "cut": Fault("connections to the store are cut at random bytes", on_the_way.cut, "cuts", RELAYED),
    "every-byte": Fault(
        "… at every byte of one assign and one complete",
        on_the_way.cut_at_every_byte,
        "cuts",
        RELAYED,
        is_under_load=False,
    ),
    "every-byte-of-client": Fault(
        "a client's connection is cut at every byte of the same",
        on_the_way.client_cut_at_every_byte,
        "cuts",
        FRONTED,
        is_under_load=False,
    ),
    "late": Fault("replies come 0.1 to 3 s late", on_the_way.late, "late replies", RELAYED),
    "half-open": Fault("connections fall silent", on_the_way.half_open, "silent connections", RELAYED),
    "functions-flushed": Fault("FUNCTION FLUSH 20 times", on_store.functions_flushed, "times loaded again", modes=ALL),
    "clients-killed": Fault("CLIENT KILL 40 times", on_store.clients_killed, "connections cut", modes=ALL),
    "memory-full": Fault("maxmemory is reached 3 times", on_store.filled, "assigns refused"),
    "rewritten": Fault("BGREWRITEAOF and kill -9, 3 times", on_store.rewritten_and_killed, "rewrites"),
    "own-dispatcher-killed": Fault(
        "a dispatcher with a store of its own is killed (-9) 6 times",
        on_dispatchers.killed,
        "times clients were cut off",
        EMBEDDED,
    ),
    "own-store-killed": Fault(
        "its store is killed (-9) 3 times", on_dispatchers.store_of_its_own_killed, "restarts", EMBEDDED
    ),
    "own-both-killed": Fault(
        "both are killed (-9) at once 6 times, the disk being busy",
        on_dispatchers.killed_with_its_store,
        "restarts",
        EMBEDDED,
        fails="a dispatcher with its store",
    ),
    "hostile": Fault("hostile bytes at the dispatchers", on_dispatchers.harassed, "connections ended", modes=ASYNC),
    "power": Fault(
        "the power fails", power.lost, "power failures", Shape(watched=power.watched), fails="the power of the store"
    ),
    "master-killed": Fault(
        "the master is killed (-9)", on_group.master_killed, "failovers", SENTINEL, SEVERAL, "the master"
    ),
    "master-frozen": Fault(
        "the master stands still for 6 s", on_group.master_frozen, "failovers", SENTINEL, SEVERAL, "the master"
    ),
    "restarted-silent": Fault(
        "the store is killed (-9) and lost nothing; a dispatcher was silent for 15 s",
        on_replay.nothing_lost_by_restart,
        "restarts",
        SILENT_THIRD,
    ),
    "deleted-silent": Fault(
        "… and a fleet was deleted and made anew meanwhile",
        on_replay.made_anew,
        "ended sessions that stayed ended",
        SILENT_THIRD,
    ),
    "cut-silent": Fault(
        "the store's file is cut by a second; a dispatcher looks when others have written more",
        on_replay.lost_and_overwritten,
        "bytes lost",
        SILENT_THIRD,
        ASYNC,
        "the end of the store's file",
    ),
    **_lost(
        "full",
        "a full fleet's store loses the second in which one dispatcher ended sessions and another filled their places",
        on_replay.full,
    ),
    **_lost(
        "pools", "a store loses the second in which pools were made and sessions placed on them", on_replay.pools_made
    ),
    "failover-silent": Fault(
        "SENTINEL FAILOVER; a dispatcher was silent for 15 s",
        on_replay.nothing_lost_by_failover,
        "failovers",
        SILENT_BEHIND_SENTINELS,
        SEVERAL,
        "the master",
    ),
    "replicas-behind": REPLICAS_BEHIND,
    "replica-joined": Fault(
        "a replica of priority 0 joins, the other one hears nothing for 3 s, then the master is killed",
        on_group.replica_joined,
        "bytes that the promoted replica did not have",
        ONE_REPLICA,
        ("replicated",),
        "the master, replicas behind",
    ),
    "partition": Fault(
        "the master is cut off for 8 s with both dispatchers",
        on_group.partitioned,
        "further masters",
        SENTINEL,
        SEVERAL,
        "the network",
    ),
    "overtaken": Fault(
        "… with one dispatcher, and most calls go to the other",
        on_group.overtaken,
        "further masters",
        SENTINEL,
        SEVERAL,
        "the network",
    ),
    **CLUSTER_FAULTS,
}
