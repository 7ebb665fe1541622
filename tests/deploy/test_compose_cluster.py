"""docker-compose.cluster.yml, for real: the service on three masters with a replica each, one of which is killed."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pytest

from testbed.cluster_nodes import NodeLine, node_line
from testbed.clusters import SLOTS, slot_of
from tests.deploy.composition import Stack, on_a_cluster, until

pytestmark = pytest.mark.compose

FLEET = "default"
SESSIONS = [f"s-{number}" for number in range(20)]


@pytest.fixture(scope="module")
def cluster(stack: Stack) -> Iterator[Stack]:
    with on_a_cluster(stack) as running:
        yield running


def nodes(cluster: Stack) -> list[NodeLine]:
    """All nodes as one of them sees them, asked as their own user."""
    ask = "REDISCLI_AUTH=$(sed -n 's/^masterauth //p' /run/secrets/replication.conf)"
    ask += " redis-cli --user cluster --no-auth-warning -h redis-4 cluster nodes"
    return [node_line(line) for line in cluster.compose("exec", "-T", "join", "bash", "-c", ask).splitlines()]


def owner(cluster: Stack) -> str:
    """The host that has the fleet."""
    return next(node.host for node in nodes(cluster) if node.owns(slot_of(FLEET)))


def place(cluster: Stack, session: str) -> str:
    placed = cluster.call("POST", f"{FLEET}/assign", "ADMIN_KEY", {"session_id": session})
    return str(placed["pool_id"])


def is_answered(cluster: Stack) -> bool:
    with suppress(OSError):
        return bool(place(cluster, SESSIONS[0]))
    return False


def test_three_masters_own_the_slots_and_have_a_replica_each(cluster: Stack) -> None:
    found = nodes(cluster)
    masters = [node for node in found if node.slots]
    assert {node.host for node in found} == {"redis", *(f"redis-{number}" for number in range(2, 7))}
    assert sum(len(owned) for node in masters for owned in node.slots) == SLOTS
    assert {node.master for node in found if node not in masters} == {node.node_id for node in masters}


def test_sessions_survive_the_death_of_their_master(cluster: Stack) -> None:
    pools = {session: place(cluster, session) for session in SESSIONS}
    killed = owner(cluster)
    cluster.compose("kill", killed)
    until(lambda: owner(cluster) != killed, 30, "no replica was promoted")
    until(lambda: is_answered(cluster), 10, "the fleet is not served")
    assert {session: place(cluster, session) for session in SESSIONS} == pools
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.http_port}/readyz", timeout=10) as answer:
        assert answer.status == 200
    cluster.compose("start", killed)


def test_the_nodes_find_each_other_after_all_were_down(cluster: Stack) -> None:
    pools = {session: place(cluster, session) for session in SESSIONS}
    services = [name for name in cluster.compose("ps", "--services").split() if name.startswith("redis")]
    cluster.compose("stop", *services)
    cluster.compose("rm", "--force", *services)
    cluster.compose("up", "--detach", "--wait", "--wait-timeout", "120", "--no-build", "--no-recreate", "proxy")
    until(lambda: is_answered(cluster), 60, "the fleet is not served")
    assert {session: place(cluster, session) for session in SESSIONS} == pools
