"""A Deployment at the stand-in for the API server, with controllers that choose pods as those of Kubernetes do."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from tests.integrations.api_server import FakeApiServer, Object, endpoint, slice_of, terminating, uid_of

COST = "controller.kubernetes.io/pod-deletion-cost"
DEPLOYMENT = "/apis/apps/v1/namespaces/games/deployments/{name:d}"


def deployment(generation: int, wanted: int, pods: int, **status: int) -> Object:
    """`d`, whose controllers have seen it."""
    metadata = {"name": "d", "generation": generation, "resourceVersion": str(generation)}
    spec = {"replicas": wanted, "selector": {"matchLabels": {"app": "d"}}}
    seen = {"observedGeneration": generation, "replicas": pods, "updatedReplicas": pods}
    return {"metadata": metadata, "spec": spec, "status": seen | status}


@dataclass
class ScalingApiServer(FakeApiServer):
    """With the Deployment `d`, whose pods `d-1`, `d-2`, … are in the slice `c-aaaaa`."""

    replicas: int = 0
    generation: int = 1
    made: int = 0
    refuses: dict[str, list[int]] = field(default_factory=dict)
    """Statuses of the next writes, by verb."""
    unready: set[str] = field(default_factory=set)

    @property
    def pods(self) -> dict[str, Object]:
        return self.objects["pods"]

    @property
    def marked(self) -> set[str]:
        """Pods with a deletion cost."""
        return {name for name, pod in self.pods.items() if pod["metadata"]["annotations"]}

    def scale(self, replicas: int) -> None:
        """As an autoscaler does."""
        self.run(self._scale(replicas))

    async def _scale(self, replicas: int) -> None:
        self.replicas, self.generation = replicas, self.generation + 1
        while len(self.pods) < replicas:
            self.made += 1
            name = f"d-{self.made}"
            metadata = {"name": name, "uid": uid_of(name), "labels": {"app": "d"}, "annotations": {}}
            await self.put_all("pods", ({"metadata": metadata},))
        while len(self.pods) > replicas:
            name = min(self.pods, key=self._rank)
            await self._show(terminating(name, "10.0.0.1"))
            await self.remove("pods", name)
        await self._show()

    def _rank(self, name: str) -> tuple[bool, int]:
        """The lowest is deleted first."""
        return name not in self.unready, int(self.pods[name]["metadata"]["annotations"].get(COST, 0))

    async def _show(self, *ending: Object) -> None:
        names = self.pods.keys() - {one["targetRef"]["name"] for one in ending}
        pods = [endpoint(name, "10.0.0.1", ready=name not in self.unready) for name in sorted(names)]
        await self.put_all("endpointslices", (slice_of("c-aaaaa", "svc-c", [*pods, *ending]),))

    async def _read(self, request: web.Request) -> web.Response:
        self.calls.append(("get", "deployments", request.match_info["name"]))
        return web.json_response(deployment(self.generation, self.replicas, len(self.pods)))

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
