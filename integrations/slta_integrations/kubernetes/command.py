"""Command line of `slta kubernetes`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import typer

from slta.cli.error_messages import in_one_line
from slta.cli.target import DEFAULT_URL, BaseUrl, FleetName, KeyFile, target_of
from slta_integrations.client import Client
from slta_integrations.kubernetes import options
from slta_integrations.kubernetes.api_server import ACCOUNT, FAILURES, Access, ApiServer, Kind, in_cluster
from slta_integrations.kubernetes.deployments import refuse_unscalable
from slta_integrations.kubernetes.desired_pools import Desired, Selection, desired, pool_id
from slta_integrations.kubernetes.events import Objects
from slta_integrations.kubernetes.lease import Lease
from slta_integrations.kubernetes.metrics import Metrics, Telemetry
from slta_integrations.kubernetes.objects import SERVICE_LABEL, read_pod, read_slice
from slta_integrations.kubernetes.options import WatchOptions, checked
from slta_integrations.kubernetes.pools import Pools
from slta_integrations.kubernetes.reconciler import Reconciler
from slta_integrations.kubernetes.scaler import Scaler
from slta_integrations.kubernetes.vanished import GRACE_SECONDS, Vanished
from slta_integrations.kubernetes.watcher import Cluster, Watcher, list_pods
from slta_integrations.metric_registry import MetricsHost, MetricsPort, serve_metrics
from slta_integrations.notices import Notices, configure_logging
from slta_integrations.signals import until_signalled

LIST_PODS_SECONDS = 5.0
"""Nothing changes meanwhile."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(  # noqa: PLR0913 - one argument an option
    fleet: FleetName,
    service: options.Services,
    url: BaseUrl = DEFAULT_URL,
    key_file: KeyFile = None,
    namespace: options.Namespace = None,
    class_label: options.ClassLabel = "",
    port_name: options.PortName = "",
    address_type: options.AddressType = "IPv4",
    grace: options.Grace = GRACE_SECONDS,
    source: options.Source = None,
    scale: options.Scale = None,
    deployment: options.Deployments = None,
    lease_name: options.LeaseName = "slta-kubernetes",
    api_server: options.ApiServerUrl = None,
    token_file: options.TokenFile = None,
    ca_file: options.CaFile = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Make pools of the pods behind Services, and follow them: see docs/kubernetes-pods.md."""
    configure_logging()
    with in_one_line():
        of_pods, own = options.namespaces(namespace, ACCOUNT)
        classes = options.classes_of("--service", service, class_label)
        parsed = WatchOptions(
            target_of(url, fleet, key_file),
            Access(api_server, token_file, ca_file) if api_server else in_cluster(),
            of_pods,
            own,
            checked("--lease-name", lease_name, options.OBJECT_NAME),
            Selection(classes, address_type, port_name),
            class_label and checked("--class-label", class_label, options.LABEL_KEY),
            checked("--source", source or f"kubernetes:{of_pods}", options.SOURCE),
            grace,
            options.scaling_of(of_pods, scale, deployment or []),
        )
        parsed.access.headers()
        metrics = Metrics()
        serve_metrics(metrics.registry, metrics_host, metrics_port)
        asyncio.run(until_signalled(partial(run, parsed, metrics)))


async def run(options: WatchOptions, metrics: Metrics, stopping: asyncio.Event) -> None:
    """Watch and act until stopped, then release the Lease. Raises OSError, and UserError as `refuse_unscalable`."""
    async with ApiServer(options.access) as api, Client(options.target) as client, Client(options.target) as advisor:
        await refuse_unscalable(api, options.scaling)
        changed, telemetry = asyncio.Event(), Telemetry(metrics, Notices("kubernetes"))
        identity = f"{socket.gethostname()}_{uuid4()}"
        lease = Lease(api, options.lease_namespace, options.lease, identity, telemetry)
        cluster = _cluster(options, api, changed, telemetry)
        pools = Pools(client, options.source, lambda: lease.is_held, telemetry)
        vanished = Vanished(options.grace_seconds)
        scaler = Scaler(cluster, advisor, pools, options.scaling, changed, telemetry)
        reconciler = Reconciler(cluster, lease, vanished, scaler, pools, changed, telemetry)
        async with asyncio.TaskGroup() as group:
            runs = [*(watcher.run() for watcher in cluster.watchers), lease.run(), reconciler.run(), scaler.run()]
            tasks = [group.create_task(run) for run in runs]
            await stopping.wait()
            await _end(tasks)
        await lease.release()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a time-out at the same moment may take the place of a cancellation."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1.0)


def _cluster(options: WatchOptions, api: ApiServer, changed: asyncio.Event, telemetry: Telemetry) -> Cluster:
    """Watchers of the slices, and of pods if their labels matter; and what computes the desired pools from them."""
    slices, pods = Objects(read_slice), Objects(read_pod)
    selector = f"{SERVICE_LABEL} in ({','.join(sorted(options.selection.classes))})"
    kinds: list[tuple[Kind, Objects[Any]]] = [(Kind("/apis/discovery.k8s.io/v1", "endpointslices", selector), slices)]
    if options.class_label:
        kinds.append((Kind("/api/v1", "pods", options.class_label, metadata_only=True), pods))
    watchers = [Watcher(api, kind, options.namespace, objects, changed, telemetry) for kind, objects in kinds]

    def desire() -> Desired:
        classes = {pod.uid: pod.labels.get(options.class_label, "") for pod in pods.values}
        return desired(slices.values, options.selection, classes)

    return Cluster(api, watchers, desire, partial(_list_pods, api, options.namespace))


async def _list_pods(api: ApiServer, namespace: str) -> frozenset[str] | None:
    with suppress(*FAILURES, ValueError):
        async with asyncio.timeout(LIST_PODS_SECONDS):
            return frozenset(pool_id(pod.name, pod.uid) for pod in await list_pods(api, namespace))
    return None
