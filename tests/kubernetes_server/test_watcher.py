"""`slta kubernetes --scale=replicas` on a real API server: no living session ends, whatever goes wrong."""

from __future__ import annotations

from datetime import datetime
from itertools import count, pairwise

import pytest

from slta_integrations.kubernetes.lease import LEASE_SECONDS
from testbed.awaiting import until
from testbed.kubernetes import Object, path_of
from tests.kubernetes_server.games import DEPLOYMENTS, LABELS, NAME, Games, deployment, pod, total

pytestmark = pytest.mark.kubernetes

STRANGERS = {"canary": deployment("game-canary", 1, LABELS | {"track": "canary"}), "bare pod": pod(LABELS, name="bare")}
LEASE = "coordination.k8s.io/v1", "Lease", "slta-kubernetes"
SLICES = "discovery.k8s.io/v1", "EndpointSlice"
BINDINGS = "rbac.authorization.k8s.io/v1", "RoleBinding"


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_pod_of_somebody_else_that_matches_ends_no_session(games: Games, stranger: str) -> None:
    games.watch(sessions=4)
    games.api.create(games.fleet.name, STRANGERS[stranger])
    until(lambda: games.active() == 5)
    games.until_looked(8)
    assert (games.replicas(), games.living()) == ([4], games.sessions)


def test_replicas_do_not_fall_during_a_rollout(games: Games) -> None:
    games.watch(sessions=3)
    games.kubelets.holds = True
    games.call("PATCH", *DEPLOYMENTS, NAME, {"spec": {"template": pod(LABELS, image="game:2")}})
    games.afford(3)
    games.until_looked(6)
    assert games.states()[-1]["status"]["updatedReplicas"] == 2
    assert games.replicas() == [4]
    assert games.living() == games.sessions
    games.kubelets.holds = False
    until(lambda: games.replicas()[-1] == 3)
    fallen = [
        before for before, now in pairwise(games.states()) if now["spec"]["replicas"] < before["spec"]["replicas"]
    ]
    assert [state["spec"]["replicas"] for state in fallen if not is_rolled_out(state)] == []


def is_rolled_out(state: Object) -> bool:
    generation, seen = state["metadata"]["generation"], state["status"]
    return bool(seen["observedGeneration"] == generation and seen["updatedReplicas"] == seen["replicas"])


def test_a_write_at_the_same_time_as_somebody_else_is_made_anew(games: Games) -> None:
    watcher, numbers = games.watch(sessions=3), count()
    games.afford(1)

    def is_refused() -> bool:
        games.call("PATCH", *DEPLOYMENTS, NAME, {"metadata": {"labels": {"number": str(next(numbers))}}})
        return ": 409" in watcher.output

    until(is_refused)
    until(lambda: games.replicas()[-1] == 3)
    games.until_looked(4)
    assert games.replicas() == [4, 3]
    assert games.living() == games.sessions


def test_without_its_role_the_watcher_says_so_in_a_line_and_pools_go_on(games: Games) -> None:
    watcher = games.watch(sessions=3)
    binding = games.call("GET", *BINDINGS, "slta-watcher-scale")
    games.call("DELETE", *BINDINGS, "slta-watcher-scale")
    games.scale(5)
    until(lambda: games.active() == 5)
    games.until_looked(4)
    [line] = [line for line in watcher.output.splitlines() if ": 403" in line]
    assert "is not scaled" in line
    assert "apiVersion" not in line
    assert games.replicas() == [4, 5]
    games.api.create(games.fleet.name, binding | {"metadata": {"name": "slta-watcher-scale"}})
    until(lambda: games.replicas()[-1] == 4)
    assert games.living() == games.sessions


def test_a_watch_whose_version_has_expired_lists_anew_and_misses_nothing(games: Games) -> None:
    watcher = games.watch(sessions=4)
    watcher.freeze()
    version = games.call("GET", *SLICES)["metadata"]["resourceVersion"]
    games.api.create(games.fleet.name, pod({}, name="later"))
    games.server.kill()
    games.server.start()
    games.scale(5)
    [status] = games.api.events(path_of(*SLICES, games.fleet.name), version)
    assert status["code"] == 410
    watcher.thaw()
    until(lambda: games.active() == 5)
    assert total(watcher.metrics, "lists_total", "endpointslices") == 2
    assert games.living() == games.sessions


def test_the_second_watcher_takes_over_after_the_lease_of_one_that_was_killed(games: Games) -> None:
    holder = games.watch(sessions=4)
    other = games.watch(sessions=0)
    assert (holder.is_leader, other.is_leader) == (True, False)
    holder.kill()
    before = games.call("GET", *LEASE)["spec"]
    games.scale(5)
    until(lambda: games.active() == 5)
    after = games.call("GET", *LEASE)["spec"]
    assert other.is_leader
    assert after["leaseTransitions"] == before["leaseTransitions"] + 1
    waited = datetime.fromisoformat(after["acquireTime"]) - datetime.fromisoformat(before["renewTime"])
    print(f"taken over after {waited.total_seconds():.1f} s")
    assert waited.total_seconds() >= LEASE_SECONDS
    assert games.living() == games.sessions
