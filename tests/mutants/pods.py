"""Planted mistakes in the watcher that makes pools of pods."""

from __future__ import annotations

from functools import partial

from tests.mutants import planting

python = partial(planting.python, "integrations/slta_integrations/kubernetes", "integrations")

MUTANTS = {
    "a line that was cut counts": python("events", "*lines, self._rest =", "lines =", "kubernetes_events"),
    "a bookmark is ignored": python(
        "events",
        'self.resource_version = _meta(event.item, "resourceVersion") or',
        "self.resource_version =",
        "kubernetes_events",
    ),
    "an old event undoes a newer one": python(
        "events", "0 < version < held.version", "version < 0", "kubernetes_events"
    ),
    "a condition that is unknown is taken for not ready": python(
        "objects", "conditions.ready is not False", "conditions.ready is True", "kubernetes_plan"
    ),
    "a pod that ends takes sessions while it is ready": python(
        "wanted", "endpoint.is_ready and not endpoint.is_terminating", "endpoint.is_ready", "kubernetes_plan"
    ),
    "an evicted pod stays as a ghost": python("wanted", 'if reason != "no_address":', "if True:", "kubernetes_plan"),
    "the slice that was read last is right": python("wanted", " and found.order > old.order", "", "kubernetes_plan"),
    "addresses of two families are mixed": python(
        "wanted", " and one.family == selection.family", "", "kubernetes_plan"
    ),
    "a wrong name of a Service ends sessions": python(
        "plan", " and pool.service in desired.services:", ":", "kubernetes_plan"
    ),
    "slices that are deleted one by one end sessions": python(
        "vanished", "MASS_SECONDS if pool_id in self._held else VANISHED_SECONDS", "0", "kubernetes"
    ),
    "an outage of the API server counts as waiting": python(
        "reconciler", "            self._vanished.pause()\n            return\n", "            return\n", "kubernetes"
    ),
    "an operator's drain is undone": python(
        "plan", "    elif pool.is_marked:\n", '    elif pool.status != "active":\n', "kubernetes_plan"
    ),
    "a pool of somebody else is changed": python(
        "plan", " and wanted.pool_id not in existing.others", "", "kubernetes_plan"
    ),
    "all pools of the fleet are its own": python(
        "pools", "if pool.labels.get(SOURCE) == self._source:", "if True:", "kubernetes"
    ),
    "pools change while the watch is away": python(
        "reconciler", "all(watcher.is_current for watcher in self._cluster.watchers)", "True", "kubernetes"
    ),
    "a grace is over with the next event only": python("reconciler", " or self._vanished.since", "", "kubernetes"),
    "a watcher acts without the Lease": python(
        "lease", "return self._clock() < self._held_until", "return True", "kubernetes_lease"
    ),
    "a lease that is renewed is taken over": python(
        "lease", "if version != self._seen_version:", "if not self._seen_version:", "kubernetes_lease"
    ),
    "after 410 the watch is tried again and again": python(
        "watcher", "if isinstance(error, StreamError) or self", "if self", "kubernetes"
    ),
    "a list ends the pauses of a watch that is refused": python(
        "watcher", "if self._received_at >= self._current_from + SETTLE_SECONDS:", "if True:", "kubernetes"
    ),
    "a watch that is dead is waited for": python("api_server", "total=DEAD_SECONDS,", "total=None,", "kubernetes"),
    "the token is read once": python(
        "api_server", "**self._access.headers()", '"Authorization": "Bearer first"', "kubernetes"
    ),
}
