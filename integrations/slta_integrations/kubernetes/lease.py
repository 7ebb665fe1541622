"""The Lease object (coordination.k8s.io/v1) of the watchers: only its holder acts.

As in client-go's leader election, no clock is compared with another machine's: a lease is over when it was not seen to
change for its duration. Two watchers cannot both write it: the API server refuses an old resource version (409).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

LEASE_SECONDS = 15
DEADLINE_SECONDS = 10.0
"""The holder stops to act so long after its last renewal: a call of 5 s then ends before another can take over."""
RETRY_SECONDS = 2.0
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def wall_clock() -> str:
    """Now, as the Lease has it; for people only."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


class Holding:
    """What one watcher knows of the Lease."""

    def __init__(self, name: str, identity: str, clock: Callable[[], float]) -> None:
        """`identity` is unique to this process; `clock` returns seconds and is monotonic."""
        self._name = name
        self._identity = identity
        self._clock = clock
        self.term = 0
        """Changes each time that the Lease is acquired."""
        self._seen_version = ""
        self._seen_at = 0.0
        self._held_until = -math.inf

    @property
    def is_held(self) -> bool:
        """Whether this watcher may act now."""
        return self._clock() < self._held_until

    def observe(self, lease: Mapping[str, Any] | None, now_text: str) -> dict[str, Any] | None:
        """The object to write after the one that was read (None: there is none); None to wait for its holder."""
        if lease is None:
            return self._written({"name": self._name}, {}, now_text)
        metadata, spec = _member(lease, "metadata"), _member(lease, "spec")
        holder = spec.get("holderIdentity")
        if holder not in {self._identity, None, ""}:
            self._held_until = -math.inf
            if not self._is_over(metadata, spec):
                return None
        return self._written(metadata, spec, now_text)

    def renewed(self, since: float) -> None:
        """A write that was begun at `since` succeeded."""
        self.term += not self.is_held
        self._held_until = since + DEADLINE_SECONDS

    def release(self, lease: Mapping[str, Any]) -> dict[str, Any] | None:
        """The object without a holder; None if this is not the holder. It holds nothing from now on."""
        self._held_until = -math.inf
        spec = _member(lease, "spec")
        if spec.get("holderIdentity") != self._identity:
            return None
        return {**lease, "spec": {**spec, "holderIdentity": None, "leaseDurationSeconds": 1}}

    def _is_over(self, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
        version = str(metadata.get("resourceVersion"))
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, self._clock()
        return self._clock() - self._seen_at >= float(spec.get("leaseDurationSeconds") or LEASE_SECONDS)

    def _written(self, metadata: Mapping[str, Any], spec: Mapping[str, Any], now_text: str) -> dict[str, Any]:
        is_new = spec.get("holderIdentity") != self._identity
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": dict(metadata),
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": now_text if is_new else spec.get("acquireTime"),
                "renewTime": now_text,
                "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (is_new and bool(spec)),
            },
        }


def _member(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = item.get(key)
    return found if isinstance(found, dict) else {}
