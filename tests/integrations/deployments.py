"""A Deployment at the stand-in for the API server, with controllers that choose pods as those of Kubernetes do."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from tests.integrations.api_server import FakeApiServer, Object, endpoint, slice_of, terminating, uid_of

COST = "controller.kubernetes.io/pod-deletion-cost"
HASH = "pod-template-hash"
DEPLOYMENT = "/apis/apps/v1/namespaces/games/deployments/{name:d|e}"


def deployment(generation: int, wanted: int, pods: int, **status: int) -> Object:
    """`d`, whose controllers have seen it."""
    metadata = {"name": "d", "generation": generation, "resourceVersion": str(generation)}
    spec = {"replicas": wanted, "selector": {"matchLabels": {"app": "d"}}}
    seen = {"observedGeneration": generation, "replicas": pods, "updatedReplicas": pods}
    return {"metadata": metadata, "spec": spec, "status": seen | status}


def pod(name: str, controller: tuple[str, str] | None, hashed: str = "", label: str = HASH) -> Object:
    """That the selector of `d` finds; `controller` is its kind and name, `hashed` the hash of its template."""
    owners: list[Object] = [{"kind": "Node", "name": "node-1", "uid": uid_of("node-1")}]
    if controller:
        owners.append({"kind": controller[0], "name": controller[1], "uid": uid_of(controller[1]), "controller": True})
    labels = {"app": "d", label: hashed}
    metadata = {"name": name, "uid": uid_of(name), "labels": labels, "annotations": {}, "ownerReferences": owners}
    return {"metadata": metadata, "status": {"phase": "Running"}}


@dataclass
class ScalingApiServer(FakeApiServer):
    """With the Deployment `d`, whose pods `d-1`, `d-2`, … are in the slice `c-aaaaa`, as are all others."""

    replicas: int = 0
    generation: int = 1
    made: int = 0
    hashed: str = "h1"
    """Hash of the template: another one begins a rollout with one pod more, and the first one takes it back."""
    refuses: dict[str, list[int]] = field(default_factory=dict)
    """Statuses of the next writes, by verb."""
    unready: set[str] = field(default_factory=set)
    keeps: set[str] = field(default_factory=set)
    """Pods that the controllers delete last of all."""
    status: dict[str, int] = field(default_factory=dict)
    """What the Deployment's status says besides what is so."""
    hangs: bool = False
    """Whether Deployments are not answered from now on."""

    @property
    def pods(self) -> dict[str, Object]:
        return self.objects["pods"]

    @property
    def running(self) -> list[str]:
        """Names of the pods of anybody that have not ended."""
        return [name for name, one in self.pods.items() if one["status"]["phase"] == "Running"]

    @property
    def own(self) -> list[str]:
        """Names of the pods that the controllers count."""
        return [name for name in self.running if name.startswith("d-")]

    @property
    def marked(self) -> set[str]:
        """Pods with a deletion cost."""
        return {name for name, pod in self.pods.items() if pod["metadata"]["annotations"]}

    def scale(self, replicas: int) -> None:
        """As an autoscaler does."""
        self.run(self._scale(replicas))

    def add(self, item: Object) -> None:
        """Put a pod of somebody else behind the Service."""
        self.put(item, kind="pods")
        self.run(self._show())

    async def _scale(self, replicas: int) -> None:
        self.replicas, self.generation = replicas, self.generation + 1
        while len(self.own) < replicas + (self.hashed != "h1"):
            self.made += 1
            made = pod(f"d-{self.made}", ("ReplicaSet", f"d-{self.hashed}"), self.hashed)
            await self.put_all("pods", (made,))
        while len(self.own) > replicas + (self.hashed != "h1"):
            name = min(self.own, key=self._rank)
            await self._show(terminating(name, "10.0.0.1"))
            await self.remove("pods", name)
        await self._show()

    def _rank(self, name: str) -> tuple[bool, bool, bool, int]:
        """The lowest is deleted first."""
        metadata = self.pods[name]["metadata"]
        is_new = metadata["labels"][HASH] == self.hashed
        return name in self.keeps, is_new, name not in self.unready, int(metadata["annotations"].get(COST, 0))

    async def _show(self, *ending: Object) -> None:
        names = set(self.running) - {one["targetRef"]["name"] for one in ending}
        pods = [endpoint(name, "10.0.0.1", ready=name not in self.unready) for name in sorted(names)]
        await self.put_all("endpointslices", (slice_of("c-aaaaa", "svc-c", [*pods, *ending]),))

    async def _read(self, request: web.Request) -> web.Response:
        self.calls.append(("get", "deployments", request.match_info["name"]))
        if self.hangs:
            await self.ending.wait()
        new = [name for name in self.own if self.pods[name]["metadata"]["labels"][HASH] == self.hashed]
        status = {"updatedReplicas": len(new), **self.status}
        return web.json_response(deployment(self.generation, self.replicas, len(self.own), **status))

    async def _change(self, request: web.Request) -> web.Response:
        """Replicas, or the annotations of a pod."""
        name, body = request.match_info["name"], await request.json()
        verb = "patch" if request.method == "PATCH" else "update"
        self.calls.append((verb, "pods" if verb == "patch" else "deployments/scale", name))
        is_old = verb == "update" and body["metadata"]["resourceVersion"] != str(self.generation)
        if self.refuses.get(verb) or is_old:
            return web.json_response({}, status=409 if is_old else self.refuses[verb].pop(0))
        if verb == "update":
            await self._scale(body["spec"]["replicas"])
        else:
            assert request.content_type == "application/merge-patch+json"
            assert body["metadata"]["uid"] == uid_of(name)
            self.pods[name]["metadata"]["annotations"] |= body["metadata"]["annotations"]
        return web.json_response({})

    def add_routes(self, app: web.Application) -> None:
        super().add_routes(app)
        app.router.add_get(DEPLOYMENT, self._read)
        app.router.add_put(f"{DEPLOYMENT}/scale", self._change)
        app.router.add_patch("/api/v1/namespaces/games/pods/{name}", self._change)
