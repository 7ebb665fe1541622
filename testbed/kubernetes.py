"""Kubernetes control plane on loopback: etcd, API server, controller manager, and a stand-in for all kubelets."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import yaml

from testbed.certificates import certificate_in
from testbed.processes import Part, Process
from testbed.servers import free_port

Object = dict[str, Any]

PROGRAMS = ("ETCD", "KUBE_APISERVER", "KUBE_CONTROLLER_MANAGER")
"""Environment variables with the paths of the programs."""
ETCD = """--data-dir={folder}/etcd --unsafe-no-fsync --listen-client-urls={url} --advertise-client-urls={url}
--listen-peer-urls={peers} --initial-advertise-peer-urls={peers} --initial-cluster=default={peers}"""
SERVER = """--etcd-servers={etcd} --bind-address=127.0.0.1 --secure-port={port} --cert-dir={folder}
--tls-cert-file={certificate} --tls-private-key-file={key} --service-account-issuer=https://127.0.0.1
--service-account-key-file={key} --service-account-signing-key-file={key} --authorization-mode=RBAC
--token-auth-file={tokens} --service-cluster-ip-range=10.96.0.0/16 --advertise-address=10.0.0.1
--endpoint-reconciler-type=none"""
MANAGER = """--kubeconfig={config} --leader-elect=false --secure-port=0
--controllers=deployment-controller,replicaset-controller,endpointslice-controller,serviceaccount-controller"""
CONFIG = """{{apiVersion: v1, kind: Config, users: [{{name: u, user: {{token: administrator}}}}],
clusters: [{{name: c, cluster: {{server: "{url}", certificate-authority: "{certificate}"}}}}],
contexts: [{{name: x, context: {{cluster: c, user: u}}}}], current-context: x}}"""
NODE = "node"
POLL_SECONDS = 0.1


class Api(httpx.Client):
    """Client with the rights of an administrator."""

    def __init__(self, url: str, certificate: Path) -> None:
        tls = ssl.create_default_context(cafile=certificate)
        super().__init__(base_url=url, headers={"Authorization": "Bearer administrator"}, verify=tls, timeout=10)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """JSON of the reply; a PATCH is a JSON merge patch. Raises httpx.HTTPError."""
        headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        return self.request(method, path, json=body, headers=headers).raise_for_status().json()

    def create(self, namespace: str, *objects: Object) -> None:
        """Create objects as they are, in a namespace if it is not empty."""
        for one in objects:
            self.call("POST", path_of(one["apiVersion"], one["kind"], namespace), one)

    def apply(self, namespace: str, *manifests: Path) -> None:
        """Create the objects of files, as `kubectl apply -n` does."""
        for manifest in manifests:
            self.create(namespace, *yaml.safe_load_all(manifest.read_text(encoding="utf-8")))

    def events(self, path: str, since: str) -> list[Object]:
        """Objects of the events of a list, from a resource version until now; of an error its status."""
        query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "1"}
        lines = self.get(path, params=query).raise_for_status().text.splitlines()
        return [json.loads(line)["object"] for line in lines]


def path_of(version: str, kind: str, namespace: str = "") -> str:
    """Path of the objects of a kind."""
    group = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{group}{f'/namespaces/{namespace}' if namespace else ''}/{kind.lower()}s"


class ApiServer(Process):
    """API server with RBAC; `certificate` is its CA's."""

    unready = (httpx.HTTPError,)

    def __init__(self, folder: Path, program: str, etcd: str) -> None:
        port, tokens = free_port(), folder / "tokens.csv"
        self.url = f"https://127.0.0.1:{port}"
        self.certificate, key = certificate_in(folder)
        self.api = Api(self.url, self.certificate)
        tokens.write_text("administrator,administrator,1,system:masters\n", encoding="utf-8")
        options = SERVER.format(
            etcd=etcd, port=port, folder=folder, certificate=self.certificate, key=key, tokens=tokens
        )
        super().__init__(program, *options.split(), log=folder / "apiserver.log", port=port)

    def is_ready(self) -> bool:
        return super().is_ready() and self.api.get("/readyz").is_success


class Kubelets(Part):
    """Stand-in for the kubelets of all nodes: pods become ready unless it `holds` them, and end with their grace."""

    holds = False

    def __init__(self, api: Api) -> None:
        self._api, self._ending, self._addresses = api, threading.Event(), 0

    def start(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(POLL_SECONDS):
            with suppress(httpx.HTTPError):
                for pod in self._api.call("GET", f"/api/v1/pods?fieldSelector=spec.nodeName={NODE}")["items"]:
                    self._look_at(pod["metadata"], pod["status"])

    def _look_at(self, metadata: Object, status: Object) -> None:
        path = f"{path_of('v1', 'Pod', metadata['namespace'])}/{metadata['name']}"
        if (due := metadata.get("deletionTimestamp")) and due <= f"{datetime.now(UTC):%FT%TZ}":
            self._api.call("DELETE", f"{path}?gracePeriodSeconds=0")
        elif not due and not self.holds and status["phase"] == "Pending":
            self._addresses += 1
            address = f"10.1.{self._addresses // 250}.{self._addresses % 250 + 1}"
            ready = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
            ready["conditions"] = [{"type": "Ready", "status": "True"}]
            self._api.call("PATCH", f"{path}/status", {"status": ready})


class ControlPlane(NamedTuple):
    """Its parts that tests use."""

    server: ApiServer
    kubelets: Kubelets


@contextmanager
def control_plane(folder: Path, programs: Mapping[str, str]) -> Iterator[ControlPlane]:
    """All of it, with one node; `programs` are paths by the names of `PROGRAMS`."""
    port, config = free_port(), folder / "kubeconfig"
    url = f"http://127.0.0.1:{port}"
    options = ETCD.format(folder=folder, url=url, peers=f"http://127.0.0.1:{free_port()}").split()
    server = ApiServer(folder, programs["KUBE_APISERVER"], url)
    config.write_text(CONFIG.format(url=server.url, certificate=server.certificate), encoding="utf-8")
    manager = (programs["KUBE_CONTROLLER_MANAGER"], *MANAGER.format(config=config).split())
    with Process(programs["ETCD"], *options, log=folder / "etcd.log", port=port), server, closing(server.api):
        server.api.create("", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        with Kubelets(server.api) as kubelets, Process(*manager, log=folder / "controllers.log"):
            yield ControlPlane(server, kubelets)
