"""Games in a namespace of a real API server: their Deployment, their fleet, and watchers with the project's roles."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from testbed.awaiting import until
from testbed.kubernetes import NODE, ControlPlane, Object, path_of
from testbed.live_fleet import Fleet
from testbed.processes import ROOT, Process, environment
from testbed.servers import free_port

MANIFESTS = ROOT / "deploy/kubernetes/watcher"
ROLES = (MANIFESTS / "lease-role.yaml", *sorted((MANIFESTS / "roles").glob("*.yaml")))
NAME, LABELS = "game-small", {"app": "small"}
ACCOUNT = "/api/v1/namespaces/slta/serviceaccounts/slta-watcher/token"
DEPLOYMENTS = "apps/v1", "Deployment"
CLASSES = [{"name": "small", "utility": {"kind": "log_share", "resource": 20}, "capacity": 10}]


def program(module: str, **seconds: float) -> tuple[str, str]:
    """Arguments of Python for `slta` with other constants in a module."""
    changes = [f"{module}.{name} = {value}" for name, value in seconds.items()]
    return "-c", "\n".join([f"import slta.cli.__main__, {module}", *changes, "slta.cli.__main__.main()"])


def pod(labels: dict[str, str], image: str = "game", **metadata: str) -> Object:
    """A pod on the node, which ends a second after it is deleted."""
    spec = {"nodeName": NODE, "terminationGracePeriodSeconds": 1, "containers": [{"name": "game", "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": labels} | metadata, "spec": spec}


def deployment(name: str, replicas: int, labels: dict[str, str]) -> Object:
    """A Deployment that replaces pods by two at a time, and none before that."""
    update = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod(labels), "strategy": update}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def total(url: str, *parts: str) -> float:
    """Sum of the metrics whose lines have all these parts."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(part in line for part in ("} ", *parts)))


class WatcherProcess(Process):
    """`slta kubernetes`, which looks at the advice every two seconds."""

    def __init__(self, folder: Path, *options: str) -> None:
        port = free_port()
        self.metrics = f"http://127.0.0.1:{port}"
        soon = program("slta_integrations.kubernetes.scaler", LOOK_SECONDS=2.0)
        command = (sys.executable, *soon, "kubernetes", "--metrics-port", str(port), *options)
        super().__init__(*command, log=folder / f"watcher-{port}.log", port=port, env=environment())

    @property
    def is_leader(self) -> bool:
        return "\nslta_kubernetes_leader 1.0\n" in httpx.get(f"{self.metrics}/metrics").text


class Games:
    """The Deployment `game-small` of four pods, a budget for as many, and sessions on a pod each."""

    def __init__(self, plane: ControlPlane, fleet: Fleet, folder: Path, stack: ExitStack) -> None:
        """Watchers end with `stack`."""
        self.server, self.api, self.kubelets = plane.server, plane.server.api, plane.kubelets
        self.fleet, self.sessions = fleet, dict[str, str]()
        self._token, self._folder, self._stack = folder / "token", folder, stack

    def begin(self) -> None:
        name = self.fleet.name
        self.api.create("", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.api.apply(name, *ROLES)
        service = {"selector": LABELS, "ports": [{"port": 80}]}
        self.api.create(name, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}, "spec": service})
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        self._token.write_text(self.api.call("POST", ACCOUNT, request)["status"]["token"], encoding="ascii")
        self._since = self.call("GET", *DEPLOYMENTS)["metadata"]["resourceVersion"]
        self.api.create(name, deployment(NAME, 4, LABELS))
        self.afford(4)

    def call(self, method: str, version: str, kind: str, name: str = "", body: object = None) -> Any:
        """Call the API server about an object in the namespace, or all of a kind."""
        return self.api.call(method, f"{path_of(version, kind, self.fleet.name)}/{name}".rstrip("/"), body)

    def watch(self, sessions: int) -> WatcherProcess:
        """A watcher until the end of the scene, and then so many sessions."""
        server = ("--api-server", self.server.url, "--ca-file", str(self.server.certificate))
        own = ("--token-file", str(self._token), "--namespace", self.fleet.name, "--grace", "1")
        fleet = ("--url", self.fleet.service.url, "--fleet", self.fleet.name, "--service", "small=svc")
        scaling = ("--scale", "replicas", "--deployment", f"small={NAME}")
        watcher = self._stack.enter_context(WatcherProcess(self._folder, *server, *own, *fleet, *scaling))
        until(lambda: self.active() == 4)
        ids = [f"s-{number}" for number in range(sessions)]
        self.sessions |= zip(ids, self.fleet.assign(*ids), strict=True)
        assert len({*self.sessions.values()}) == len(self.sessions)
        return watcher

    def afford(self, pools: int) -> None:
        """Give the fleet a budget for so many pools."""
        scale = {"budget": pools, "hold_seconds": 0, "classes": {"small": {"cost": 1, "lead_seconds": 0}}}
        body = {"policy": "jlmu", "classes": CLASSES, "scale": scale}
        self.fleet.service.call("PUT", f"/v1/fleets/{self.fleet.name}", body)

    def active(self) -> int:
        return int(self.fleet.call("GET", "state")["pools"]["active"])

    def living(self) -> dict[str, str]:
        """Pools by session, of those that live."""
        return {id_: self.fleet.pool_of(id_) for id_ in self.sessions if self.fleet.status(id_) == 200}

    def until_looked(self, times: int) -> None:
        """The watcher has looked at the advice so often."""
        url, parts = self.fleet.service.url, ("request_duration_seconds_count", '/{fleet}/scale"')
        due = total(url, *parts) + times
        until(lambda: total(url, *parts) >= due)

    def scale(self, replicas: int) -> None:
        """As somebody else does."""
        self.call("PATCH", *DEPLOYMENTS, NAME, {"spec": {"replicas": replicas}})

    def states(self) -> list[Object]:
        """All states of the Deployment since the begin."""
        events = self.api.events(path_of(*DEPLOYMENTS, self.fleet.name), self._since)
        return [state for state in events if state["metadata"]["name"] == NAME]

    def replicas(self) -> list[int]:
        """All replicas that it was given, one after the other."""
        given = [state["spec"]["replicas"] for state in self.states()]
        return [given[0], *(now for before, now in pairwise(given) if now != before)]
