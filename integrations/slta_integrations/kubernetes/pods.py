"""Pods that exist, as pools: what the optional Role of `roles/pods.yaml` lets a watcher list."""

from __future__ import annotations

import asyncio

from slta_integrations.kubernetes.api_server import FAILURES, ApiServer, Kind
from slta_integrations.kubernetes.objects import read_pod
from slta_integrations.kubernetes.wanted import pool_id
from slta_integrations.notices import Notices

ALL = Kind("/api/v1", "pods", "", metadata_only=True)
TIMEOUT_SECONDS = 5.0


async def pools_of_pods(api: ApiServer, namespace: str, notices: Notices) -> frozenset[str] | None:
    """Ids of the pools of all pods of the namespace; None if they cannot be listed, as without the Role."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            items, _ = await api.list(ALL, namespace)
        return frozenset(pool_id(pod.name, pod.uid) for pod in map(read_pod, items))
    except (*FAILURES, ValueError) as error:
        reason = str(error) or type(error).__name__
        notices.say("list of pods", f"pods cannot be listed, so pools of pods that vanished wait longer: {reason}")
        return None
