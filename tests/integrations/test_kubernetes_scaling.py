"""`slta kubernetes --scale`: what follows from advice, and that no pod with sessions goes, whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from slta.api.http.openapi import EXAMPLES
from slta.cli.error_messages import UserError
from slta_integrations.kubernetes import api_server, deployments, scaler
from slta_integrations.kubernetes.api_server import Access, ApiServer
from slta_integrations.kubernetes.desired_pools import DesiredPool
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.falls import Falls
from slta_integrations.kubernetes.objects import Deployment, Labelled
from slta_integrations.kubernetes.options import Scaling
from slta_integrations.kubernetes.plan import DRAINED, IDLE, Existing, Pool
from slta_integrations.kubernetes.scaling import COST, LOWEST, Advice, ClassAdvice, actions
from testbed.awaiting import until
from testbed.relay import Link
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.api_server import Object, endpoint, terminating
from tests.integrations.deployments import ScalingApiServer, deployment, pod
from tests.integrations.kubernetes_scene import Scene, id_of
from tests.integrations.test_kubernetes_manifests import GROUPS, rights
from tests.inventory import each


def advice(wanted: int, now: int, *drain: str, replicas: int = 0) -> Object:
    """For the class `c`."""
    pools = [{"pool_id": id_} for id_ in drain]
    return {"name": "c", "wanted": wanted, "now": now, "replicas": replicas, "drain": pools}


def test_the_answer_of_the_dispatcher_is_advice() -> None:
    answer = json.loads(EXAMPLES.read_text(encoding="utf-8"))["get_scale"]["200"]
    assert [one.name for one in Advice.model_validate(answer).classes] == ["small", "large"]


def what_follows(pods: str, wanted: int, now: int, least: int = 0, **given: int) -> str:
    """Actions for pods by letters, from advice that names the first ones if pools may go, and `least` replicas.

    a: active; d: idle, with sessions; e: idle, empty; m, x, y: marked, and idle, active, or of somebody else;
    o: drained by an operator, empty; u: not ready, with sessions; n: never ready; t: ends, with sessions.
    """
    names = [f"{letter}{number}" for number, letter in enumerate(pods)]
    status, labels = {"a": "active", "x": "active"}, {letter: {DRAINED: IDLE} for letter in "dem"}
    pools = [Pool(n, "c", status.get(n[0], "draining"), n[0] in "adxut", "", labels.get(n[0], {})) for n in names]
    own = {pool.pool_id: pool for pool in pools if pool.pool_id[0] not in "ny"}
    marks = {n: {COST: LOWEST} if n[0] in "mxy" else {} for n in names if n[0] != "t"}
    found = actions(
        ClassAdvice.model_validate(advice(wanted, now, *names[: max(0, now - wanted)], replicas=least)),
        Deployment.model_validate(deployment(2, len(marks), len(marks), **given)),
        {n: Labelled(n, n, {}, mark) for n, mark in marks.items()},
        Existing(own, frozenset(n for n in names if n[0] == "y")),
        {n: DesiredPool(n, "s", "c", "h:1", n[0] not in "unt", n[0] == "t") for n in names},
        Falls(),
    )
    verbs = {"drain": sorted(found.drains), "return": found.returns, "mark": sorted(pod.name for pod in found.marks)}
    return ", ".join([*(f"{verb} {' '.join(names)}" for verb, names in verbs.items() if names), str(found.replicas)])


@each(
    ("pods", "wanted", "now", "expected"),
    [
        ("aaa", 3, 3, "3"),
        ("aaa", 2, 3, "drain a0, 3"),
        ("aad", 2, 2, "3"),
        ("aaee", 2, 2, "mark e2 e3, 4"),
        ("aaem", 2, 2, "drain m3, mark e2, 3"),
        ("aao", 2, 2, "3"),
        ("aann", 2, 2, "4"),
        ("aamn", 2, 2, "drain m2, 3"),
        ("aaemu", 2, 2, "drain m3, 5"),
        ("aaemt", 2, 2, "drain m3, mark e2, 3"),
        ("aaemx", 3, 3, "drain m3 x4, 5"),
        ("aaemy", 2, 2, "drain m3 y4, 5"),
        ("aaed", 3, 2, "return d3, 4"),
        ("aann", 4, 2, "4"),
        ("aamoed", 5, 2, "drain m2, return d5 e4, 7"),
    ],
)
def test_what_follows_from_advice(pods: str, wanted: int, now: int, expected: str) -> None:
    assert what_follows(pods, wanted, now) == expected


ROLLOUTS = [{"updatedReplicas": 3}, {"observedGeneration": 1}, {"replicas": 5, "updatedReplicas": 5}]


@each("status", [*ROLLOUTS, {"replicas": 3, "updatedReplicas": 3}])
def test_during_a_rollout_and_with_another_count_replicas_only_rise(status: dict[str, int]) -> None:
    assert what_follows("aaam", 2, 3, **status) == "drain m3, 4"
    assert what_follows("aaam", 6, 3, **status) == "drain m3, 7"


@each(("pods", "least", "expected"), [("aammm", 3, 3), ("aammm", 4, 4), ("aammm", 9, 5), ("aamm", 0, 2)])
def test_replicas_do_not_fall_below_those_of_the_advice(pods: str, least: int, expected: int) -> None:
    assert what_follows(pods, 2, 2, least).split(", ")[-1] == str(expected)


def test_replicas_rise_to_no_fewer_than_those_of_the_advice() -> None:
    assert [what_follows("aaa", 5, 3, least) for least in (4, 6)] == ["5", "6"]


def looks(*counts: tuple[int, int, int]) -> list[tuple[bool, int]]:
    """Whether pods differ, and how many stayed, at looks at replicas, pods and the status's, after a fall from 4."""
    falls, found = Falls(), []
    falls.fell(Deployment.model_validate(deployment(1, 4, 4)), frozenset({"p-0", "p-1"}), 3)
    for generation, pods, existing in counts:
        seen = Deployment.model_validate(deployment(generation, 4, existing))
        names = {f"p-{number}": Labelled("p", "u", {}, {}) for number in range(pods)}
        found.append((falls.differ(seen, names), len(falls.stayed(seen, names))))
    return found


def test_a_count_that_differs_twice_in_a_row_is_no_delay_of_the_status() -> None:
    found = looks((2, 4, 3), (2, 4, 4), (2, 4, 3), (2, 4, 5), (2, 4, 3), (2, 4, 3))
    assert [differ for differ, _ in found] == [False, False, False, False, False, True]


def test_pods_that_are_left_are_named_two_looks_after_the_controllers_know() -> None:
    assert [stayed for _, stayed in looks((1, 4, 4), (1, 4, 4), (2, 4, 4), (2, 4, 4), (2, 4, 4))] == [0, 0, 0, 2, 0]
    assert [stayed for _, stayed in looks((2, 1, 1), (2, 4, 4), (2, 4, 4))] == [0, 0, 0]


def test_a_deployment_that_selects_by_expressions_is_refused_by_its_field() -> None:
    given = deployment(1, 1, 1)
    given["spec"]["selector"]["matchExpressions"] = [{"key": "a", "operator": "Exists"}]
    with pytest.raises(ValidationError) as raised:
        Deployment.model_validate(given)
    expected = "spec.selector.matchExpressions: list should have at most 0 items after validation, not 1"
    assert reason(raised.value) == expected


# With a dispatcher and controllers

POOL = id_of("d-1")
"""The pool that may go."""
WITHHELD = b'HTTP/1.1 503 X\r\nContent-Length: 26\r\n\r\n{"code":"advice_withheld"}'


class Advising(ThreadedRelay):
    """The dispatcher; its answer to `GET …/scale` is given."""

    answer = WITHHELD
    looks = 0

    def advise(self, wanted: int, now: int, *drain: str) -> None:
        self.say({"classes": [advice(wanted, now, *drain)]})

    def say(self, answer: Object) -> None:
        body = json.dumps(answer).encode()
        self.answer = b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def until_followed(self) -> None:
        """The present answer was acted upon."""
        looks = self.looks
        until(lambda: self.looks >= looks + 2)

    async def _rule(self, link: Link, data: bytes, from_client: bool) -> bytes:
        """The answer in place of the first part of the dispatcher's own, of which the rest is left out."""
        if from_client:
            link.notes["answers"] = [self.answer] if b"/scale HTTP" in data else None
        elif (answers := link.notes["answers"]) is not None:
            self.looks += len(answers)
            return answers.pop() if answers else b""
        return data


class Scaled:
    """A Deployment of four pods with two sessions each, and a watcher that has drained the first for the advice."""

    def __init__(self, scene: Scene, slta: Advising, scaling: Scaling) -> None:
        self.scene, self.slta, self.api, self._scaling = scene, slta, scene.api, scaling
        scene.fleet.call("POST", "pools/status", {"status": "draining", "pool_class": "c"})
        scene.api.scale(4)
        self.watch()
        scene.until_active(4)
        pools = scene.fleet.assign(*(f"s-{number}" for number in range(8)))
        self._sessions = [f"s-{number}" for number, pool in enumerate(pools) if pool == POOL]
        slta.advise(3, 4, POOL)
        scene.until_active(3)
        slta.advise(3, 3)

    def watch(self, scaling: Scaling | None = None) -> None:
        self.watching = self.scene.watch(self.slta.url, scaling=scaling or self._scaling)

    def empty(self) -> None:
        """End the sessions of the drained pool."""
        for id_ in self._sessions:
            self.scene.fleet.complete(id_)

    def until_pods(self, *numbers: int) -> None:
        """These are left, with the sessions of three."""
        until(lambda: set(self.api.pods) == {f"d-{number}" for number in numbers})
        self.scene.until_pools(**{f"d-{number}": "active" for number in numbers})
        assert self.scene.sessions() == 6


@pytest.fixture
def scaled(scene: Scene, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Scaled]:
    """The watcher sets replicas, unless the parameter is False. It uses its rights and no others."""
    monkeypatch.setattr(scaler, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(scaler, "TICK_SECONDS", 0.05)
    with Advising(scene.fleet.service.port) as slta:
        yield Scaled(scene, slta, Scaling("games", {"c": "d"}, getattr(request, "param", True)))
        used = {(verb, GROUPS[resource]) for verb, resource, _ in scene.api.calls}
        assert used <= rights("slices", "lease-role", "scale")


def test_a_pod_is_marked_and_goes_when_its_sessions_have_ended(scaled: Scaled) -> None:
    scaled.slta.until_followed()
    assert (scaled.scene.sessions(), scaled.api.replicas, scaled.api.marked) == (8, 4, set())
    scaled.empty()
    scaled.until_pods(2, 3, 4)
    writes = [call for call in scaled.api.calls if call[0] in {"patch", "update"} and call[1] != "leases"]
    assert writes == [("patch", "pods", "d-1"), ("update", "deployments/scale", "d")]


def test_a_pool_that_is_wanted_again_returns(scaled: Scaled) -> None:
    scaled.slta.advise(4, 3)
    scaled.scene.until_active(4)
    until(lambda: "slta.drained" not in scaled.scene.pools()[POOL]["labels"])


@pytest.mark.parametrize("scaled", [False], indirect=True)
def test_for_an_autoscaler_pods_are_marked(scaled: Scaled) -> None:
    scaled.empty()
    until(lambda: scaled.api.marked == {"d-1"})
    scaled.slta.until_followed()
    assert scaled.api.replicas == 4
    scaled.api.scale(3)
    scaled.until_pods(2, 3, 4)


def test_pods_that_crash_go_first_and_no_others_for_them(scaled: Scaled) -> None:
    scaled.api.unready.add("d-5")
    scaled.slta.advise(5, 3)
    until(lambda: len(scaled.api.pods) == 5)
    scaled.slta.advise(3, 4, POOL)
    scaled.empty()
    scaled.until_pods(2, 3, 4)


def withhold(scaled: Scaled) -> None:
    """And start another watcher."""
    scaled.slta.answer = WITHHELD
    scaled.watching.stop()
    scaled.watch()
    scaled.slta.until_followed()


def lose_lease(scaled: Scaled) -> None:
    scaled.api.give_lease("another")
    until(lambda: not scaled.watching.is_leader)


def make_unready(scaled: Scaled) -> None:
    """A pod that has sessions."""
    scaled.api.unready.add("d-2")
    scaled.api.scale(4)
    scaled.scene.until_active(2)


def roll_out(scaled: Scaled) -> None:
    """With `maxSurge`, and no further than that."""
    scaled.api.hashed = "h2"
    scaled.api.scale(4)
    scaled.scene.until_active(4)


@pytest.mark.parametrize("fault", [withhold, lose_lease, make_unready, roll_out])
def test_no_pod_goes_while_something_is_wrong(scaled: Scaled, fault: Callable[[Scaled], None]) -> None:
    fault(scaled)
    scaled.empty()
    scaled.api.calls.clear()
    until(lambda: [resource for _, resource, _ in scaled.api.calls].count("leases") >= 10)
    assert (scaled.api.replicas, scaled.api.marked, scaled.scene.sessions()) == (4, set(), 6)
    assert scaled.scene.own_pools()[POOL] == "draining"
    scaled.slta.advise(3, 3)
    scaled.api.unready.clear()
    scaled.api.hashed = "h1"
    scaled.api.scale(4)
    scaled.api.give_lease(None)
    scaled.until_pods(2, 3, 4)


def test_what_the_api_server_refuses_is_tried_again(scaled: Scaled) -> None:
    scaled.api.refuses = {"patch": [404, 409], "update": [409]}
    scaled.empty()
    scaled.until_pods(2, 3, 4)
    assert scaled.api.refuses == {"patch": [], "update": []}


FOREIGN = {
    "canary": pod("p", ("ReplicaSet", "d-canary-h1"), "h1"),
    "other": pod("p", ("ReplicaSet", "d-h2"), "h1"),
    "bare": pod("p", None),
    "orphan": pod("p", None, "h1"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_pod_that_is_not_the_deployments_is_not_counted(scaled: Scaled, kind: str) -> None:
    scaled.api.add(FOREIGN[kind])
    scaled.scene.until_active(4)
    scaled.slta.advise(3, 4, id_of("p"))
    scaled.empty()
    until(lambda: scaled.api.replicas == 3)
    for _ in range(3):
        scaled.slta.until_followed()
    assert (scaled.api.replicas, set(scaled.api.pods), scaled.scene.sessions()) == (3, {"d-2", "d-3", "d-4", "p"}, 6)


@pytest.mark.parametrize("phase", ["Failed", "Succeeded", "Running"])
def test_a_pod_that_has_ended_or_is_being_deleted_is_not_counted(scaled: Scaled, phase: str) -> None:
    ended = {**pod("p", ("ReplicaSet", "d-h1"), "h1"), "status": {"phase": phase}}
    if phase == "Running":
        ended["metadata"]["deletionTimestamp"] = "2026-12-01T00:00:00Z"
    scaled.api.put(ended, kind="pods")
    scaled.empty()
    until(lambda: set(scaled.api.pods) == {"p", "d-2", "d-3", "d-4"})


def test_replicas_fall_once_for_a_pod_that_stays(scaled: Scaled, caplog: pytest.LogCaptureFixture) -> None:
    scaled.api.keeps = {"d-1"}
    scaled.empty()
    until(lambda: "replicas of d fell, and for no other pods again, for d-1" in caplog.messages)
    for _ in range(3):
        scaled.slta.until_followed()
    assert (scaled.api.replicas, scaled.api.generation) == (3, 3)


def test_nothing_is_written_while_the_status_counts_other_pods(
    scaled: Scaled, caplog: pytest.LogCaptureFixture
) -> None:
    scaled.api.status = {"replicas": 3, "updatedReplicas": 3}
    until(lambda: "d is not scaled: its ReplicaSets have 4 pods, and its status 3" in caplog.messages)
    scaled.empty()
    scaled.slta.advise(6, 3)
    scaled.slta.until_followed()
    assert (scaled.api.replicas, scaled.api.marked) == (4, set())


def test_pods_are_followed_while_deployments_hang(scaled: Scaled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaler, "FOLLOW_SECONDS", 1000.0)
    monkeypatch.setattr(api_server, "CALL_SECONDS", 1000.0)
    classes = [advice(6, 3), {**advice(6, 3), "name": "e"}]
    scaled.watching.stop()
    scaled.watch(Scaling("games", {"c": "d", "e": "e"}, writes_replicas=True))
    until(lambda: scaled.watching.is_leader)
    scaled.api.hangs = True
    scaled.api.calls.clear()
    scaled.slta.say({"classes": classes})
    until(lambda: {name for _, kind, name in scaled.api.calls if kind == "deployments"} == {"d", "e"})
    scaled.scene.has(endpoint("d-2", "10.0.0.1"), endpoint("d-3", "10.0.0.1"), terminating("d-4", "10.0.0.1"))
    until(lambda: scaled.scene.own_pools()[id_of("d-4")] == "draining")
    assert [kind for _, kind, _ in scaled.api.calls].count("deployments") == 2


def test_an_autoscaler_that_is_made_later_stops_the_scaling(scaled: Scaled, caplog: pytest.LogCaptureFixture) -> None:
    target = {"kind": "Deployment", "name": "d"}
    scaled.api.put({"metadata": {"name": "h"}, "spec": {"scaleTargetRef": target}}, kind="horizontalpodautoscalers")
    until(lambda: "d is not scaled: it is in horizontalpodautoscalers; use --scale=drain" in caplog.messages)
    scaled.empty()
    scaled.slta.until_followed()
    assert (scaled.api.replicas, scaled.api.marked) == (4, set())


# At the start


async def refusal(api: ScalingApiServer, folder: Path, name: str = "d", *, writes_replicas: bool = True) -> str:
    """Why the Deployment is refused."""
    (folder / "token").write_text("first")
    async with ApiServer(Access(api.url, folder / "token")) as client:
        try:
            await deployments.refuse_unscalable(client, Scaling("games", {"c": name}, writes_replicas))
        except UserError as error:
            return str(error)
    return ""


@pytest.mark.parametrize("kind", ["horizontalpodautoscalers", "scaledobjects"])
async def test_a_deployment_that_an_autoscaler_has_is_refused(api: ScalingApiServer, tmp_path: Path, kind: str) -> None:
    assert await refusal(api, tmp_path) == ""
    api.objects[kind] = {"h": {"metadata": {"name": "h"}, "spec": {"scaleTargetRef": {"name": "d"}}}}
    assert await refusal(api, tmp_path, writes_replicas=False) == ""
    told = f"--deployment: d cannot be scaled: it is in {kind}; use --scale=drain"
    assert await refusal(api, tmp_path) == told


@pytest.mark.parametrize(
    ("kind", "controller", "label"),
    [
        ("StatefulSet", ("StatefulSet", "s"), "controller-revision-hash"),
        ("Argo Rollout", ("ReplicaSet", "s-h1"), "rollouts-pod-template-hash"),
    ],
)
async def test_what_is_no_deployment_is_refused_by_its_kind(
    api: ScalingApiServer, tmp_path: Path, kind: str, controller: tuple[str, str], label: str
) -> None:
    api.shows_pods = True
    assert await refusal(api, tmp_path, "s") == ""
    api.put(pod("s-0", controller, "h1", label), kind="pods")
    told = f"--deployment: s cannot be scaled: it is no Deployment but of the kind {kind}"
    assert await refusal(api, tmp_path, "s", writes_replicas=False) == told


def test_a_deployment_whose_pods_a_rollout_runs_is_refused(scaled: Scaled, caplog: pytest.LogCaptureFixture) -> None:
    scaled.api.put(pod("r-0", ("ReplicaSet", "r-h1"), "h1", "rollouts-pod-template-hash"), kind="pods")
    scaled.api.scale(0)
    until(lambda: "d is not scaled: an Argo Rollout runs its pods" in caplog.messages)
