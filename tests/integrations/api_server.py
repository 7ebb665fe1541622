"""A server that stands in for the Kubernetes API server: lists, watches and the Lease, with what goes wrong there.

Its objects have the shape of recorded ones: null for empty lists, managed fields, bookmarks with an empty object.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web

from testbed.threads import LoopThread

T = TypeVar("T")
Object = dict[str, Any]

KINDS = {"endpointslices": "EndpointSlice", "pods": "Pod", "horizontalpodautoscalers": "HorizontalPodAutoscaler"}
PAGE = 60


def uid_of(pod: str) -> str:
    """A pod's uid: the same for the same text."""
    return str(uuid5(NAMESPACE_DNS, pod))


def endpoint(pod: str, address: str | None = None, uid: str = "", **conditions: bool | None) -> Object:
    """Endpoint of a slice, by default ready. Without an address as after an eviction."""
    given: Object = {"ready": True, "serving": True, "terminating": False, **conditions}
    return {
        "addresses": [] if address is None else [address],
        "conditions": given,
        "nodeName": "node-1",
        "targetRef": {"kind": "Pod", "namespace": "games", "name": pod, "uid": uid or uid_of(pod)},
        "zone": "eu-1a",
    }


def terminating(pod: str, address: str) -> Object:
    """A pod that ends, and still serves."""
    return endpoint(pod, address, ready=False, serving=True, terminating=True)


def slice_of(name: str, service: str, endpoints: list[Object] | None, **members: Any) -> Object:
    """EndpointSlice without a resource version; `endpoints` is null if empty, as Go writes it."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": "games",
            "generateName": f"{service}-",
            "generation": 7,
            "labels": {
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": service,
            },
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:x": {}}}],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": service, "uid": uid_of(service)}],
        },
        "addressType": "IPv4",
        "endpoints": endpoints or None,
        "ports": [{"name": "play", "port": 7777, "protocol": "TCP", "appProtocol": None}],
        **members,
    }


@dataclass
class Change:
    """An event that the history has."""

    version: int
    plural: str
    event: Object


@dataclass
class FakeApiServer(LoopThread):
    """One namespace, `games`. `calls` has verb, resource and object name of each request."""

    url: str = ""
    token: str = "first"
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {plural: {} for plural in KINDS})
    lease: Object | None = None
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    version: int = 1000
    compacted: int = 0
    """Changes up to this version are no longer known: 410."""
    refuses_watches: int = 0
    """Status of watches; 0 for none."""
    tls: ssl.SSLContext | None = None
    history: list[Change] = field(default_factory=list)
    shows_pods: bool = False
    """Whether the Role lets all pods be listed."""
    silent: set[web.StreamResponse] = field(default_factory=set)
    """Watches that are open, send nothing and do not end."""
    streams: dict[web.StreamResponse, asyncio.Transport] = field(default_factory=dict)
    waiting: asyncio.Condition = field(default_factory=asyncio.Condition)
    queries: list[dict[str, str]] = field(default_factory=list)

    # What tests call, from their own thread

    def put(self, *items: Object, kind: str = "endpointslices") -> None:
        """Create or replace objects, one event each."""
        self.run(self.put_all(kind, items))

    def delete(self, name: str, kind: str = "endpointslices") -> None:
        """Delete an object."""
        self.run(self.remove(kind, name))

    def send_again(self, index: int) -> None:
        """Send an old event anew, as a restarted API server may."""
        self.run(self._record(self.history[index].plural, self.history[index].event))

    def bookmark(self) -> None:
        """Send a bookmark with the present version."""
        item = {"kind": KINDS["endpointslices"], "apiVersion": "v1", "metadata": {"resourceVersion": str(self.version)}}
        self.run(self._record("endpointslices", {"type": "BOOKMARK", "object": item}))

    def cut(self, rest: bytes = b'{"type":"MODIFIED","obj') -> None:
        """End all watches in the middle of a line."""
        self.run(self._cut(rest))

    def give_lease(self, holder: str | None) -> None:
        """Another process writes the Lease."""
        self.run(self._give_lease(holder))

    async def _give_lease(self, holder: str | None) -> None:
        assert self.lease is not None
        self.version += 1
        metadata = {**self.lease["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**self.lease, "metadata": metadata, "spec": {**self.lease["spec"], "holderIdentity": holder}}

    def compact(self) -> None:
        """Forget all changes before now."""
        self.compacted = self.version

    def restart_without_history(self, *slices: Object) -> None:
        """All watches end; these slices are all there is, and what happened in between is not known."""
        self.version += 100
        self.compact()
        self.objects["endpointslices"] = {one["metadata"]["name"]: one for one in slices}
        self.cut()

    # The same in the server's loop

    async def put_all(self, kind: str, items: tuple[Object, ...]) -> None:
        for item in items:
            name = item["metadata"]["name"]
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            event = "MODIFIED" if name in self.objects[kind] else "ADDED"
            self.objects[kind][name] = item
            await self._record(kind, {"type": event, "object": item})

    async def remove(self, kind: str, name: str) -> None:
        item = self.objects[kind].pop(name)
        self.version += 1
        metadata = {**item["metadata"], "resourceVersion": str(self.version)}
        await self._record(kind, {"type": "DELETED", "object": {**item, "metadata": metadata}})

    async def _record(self, kind: str, event: Object) -> None:
        self.history.append(Change(self.version, kind, json.loads(json.dumps(event))))
        async with self.waiting:
            self.waiting.notify_all()

    async def _cut(self, rest: bytes) -> None:
        for stream, transport in self.streams.items():
            with suppress(ConnectionError):
                await stream.write(rest)
            transport.close()

    # Requests

    async def _list_or_watch(self, request: web.Request) -> web.StreamResponse:
        kind, query = request.match_info["kind"], request.query
        self.queries.append(dict(query))
        self.calls.append(("watch" if "watch" in query else "list", kind, ""))
        if kind not in self.objects:
            raise web.HTTPNotFound
        if kind == "pods" and not (self.shows_pods or query["labelSelector"]):
            return web.json_response({"kind": "Status", "message": "pods is forbidden"}, status=403)
        if "watch" in query:
            return await self._watch(request, kind, int(query["resourceVersion"]))
        start = int(query.get("continue", "0"))
        items = [one for one in self.objects[kind].values() if _is_selected(one, query["labelSelector"])]
        phases = query["fieldSelector"].replace("status.phase!=", "").split(",")
        items = [one for one in items if one.get("status", {}).get("phase") not in phases]
        size = min(int(query["limit"]), PAGE)
        rest = {"continue": str(start + size)} if start + size < len(items) else {}
        metadata = {"resourceVersion": str(self.version), **rest}
        shown = [_partial(one) if kind == "pods" else one for one in items[start : start + size]]
        return web.json_response({"kind": f"{KINDS.get(kind, kind)}List", "metadata": metadata, "items": shown or None})

    async def _watch(self, request: web.Request, kind: str, version: int) -> web.StreamResponse:
        if self.refuses_watches:
            return web.json_response({"kind": "Status"}, status=self.refuses_watches)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if version < self.compacted:
            status = {"kind": "Status", "code": 410, "message": "too old resource version"}
            await response.write(_line({"type": "ERROR", "object": status}))
            return response
        assert isinstance(request.transport, asyncio.Transport)
        self.streams[response] = request.transport
        try:
            async with asyncio.timeout(int(request.query["timeoutSeconds"])):
                await self._stream(response, kind, version)
        except TimeoutError:
            if response in self.silent:
                await self.ending.wait()
        except ConnectionError:
            pass
        finally:
            del self.streams[response]
        return response

    async def _stream(self, response: web.StreamResponse, kind: str, version: int) -> None:
        index = next((at for at, change in enumerate(self.history) if change.version > version), len(self.history))
        while True:
            new = [change.event for change in self.history[index:] if change.plural == kind]
            index = len(self.history)
            if new and response not in self.silent:
                await response.write(b"".join(map(_line, new)))
            async with self.waiting:
                while len(self.history) == index:
                    await self.waiting.wait()

    async def _read_lease(self, request: web.Request) -> web.Response:
        self.calls.append(("get", "leases", request.match_info["name"]))
        return web.json_response(self.lease or {"code": 404}, status=200 if self.lease else 404)

    async def _write_lease(self, request: web.Request) -> web.Response:
        body, is_update = await request.json(), request.method == "PUT"
        self.calls.append(("update" if is_update else "create", "leases", body["metadata"]["name"]))
        present = self.lease and self.lease["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion") != present:
            return web.json_response({"code": 409}, status=409)
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.lease = body
        return web.json_response(body)

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"code": 401}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    # The thread

    async def begin(self) -> None:
        app = web.Application(middlewares=[self._authorize])
        self.add_routes(app)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{runner.addresses[0][1]}"

    def add_routes(self, app: web.Application) -> None:
        leases = "/apis/coordination.k8s.io/v1/namespaces/games/leases"
        app.router.add_get("/apis/discovery.k8s.io/v1/namespaces/games/{kind:endpointslices}", self._list_or_watch)
        app.router.add_get("/api/v1/namespaces/games/{kind:pods}", self._list_or_watch)
        app.router.add_get(f"{leases}/{{name}}", self._read_lease)
        app.router.add_put(f"{leases}/{{name}}", self._write_lease)
        app.router.add_post(leases, self._write_lease)
        app.router.add_get("/apis/autoscaling/v2/namespaces/games/{kind:horizontalpodautoscalers}", self._list_or_watch)
        app.router.add_get("/apis/keda.sh/v1alpha1/namespaces/games/{kind:scaledobjects}", self._list_or_watch)


def _line(event: Object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _is_selected(item: Object, selector: str) -> bool:
    """By `key in (a,b)`, `key=a` or `key`; all without one."""
    key, _, values = selector.replace("=", " in ").partition(" in ")
    labels = item["metadata"].get("labels") or {}
    return not key or (key in labels and (not values or labels[key] in values.strip("()").split(",")))


def _partial(item: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}
