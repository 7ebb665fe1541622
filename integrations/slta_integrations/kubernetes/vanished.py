"""Pods that vanished from the slices of their Service, and how long their pools wait for them to return.

| pod | its pool waits |
|---|---|
| was last seen terminating | the grace |
| does not exist, by a list of the pods | no longer |
| is one of more than a third of the Service's, and at least 3, that wait at once | `MASS_SECONDS` |
| any other | `VANISHED_SECONDS` |

A wrong selector, or a slice that is deleted, makes pods vanish that live on. A pod that ends is terminating before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from math import inf

from slta_integrations.kubernetes.desired_pools import Desired
from slta_integrations.kubernetes.plan import Existing

GRACE_SECONDS = 10.0
"""A pod that ends may change slices meanwhile."""
VANISHED_SECONDS = 60.0
MASS_SECONDS = 120.0
MASS_POOLS = 3


class Vanished:
    """Pools that wait. Times are seconds of a monotonic clock."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """`grace_seconds` is also the least that others wait."""
        self.since: dict[str, float] = {}
        """Since when pools wait."""
        self.unsure: dict[str, str] = {}
        """Pools that wait and whose pods may live, with their Services."""
        self.guarded: Counter[str] = Counter()
        """Those that wait because of so many at once, by Service, as of the last `over`."""
        self._grace = grace_seconds
        self._is_paused, self._seen_at = False, 0.0
        self._ended: set[str] = set()
        self._held: set[str] = set()
        self._totals: Counter[str] = Counter()

    def observe(self, desired: Desired, existing: Existing, now: float) -> None:
        """Take over what is there at `now`. O(pools)."""
        own, pods = existing.own, desired.pools
        away = now - self._seen_at if self._is_paused else 0.0
        self._is_paused, self._seen_at = False, now
        waiting = [id_ for id_, pool in own.items() if id_ not in pods and pool.service in desired.services]
        self.since = {id_: self.since.get(id_, now - away) + away for id_ in waiting}
        ending = {id_ for id_, pod in pods.items() if pod.is_terminating}
        self._ended = ending | {id_ for id_ in self._ended - pods.keys() if id_ in own}
        lively = [id_ for id_ in waiting if id_ not in self._ended and self.since[id_] > -inf]
        self.unsure = {id_: own[id_].service for id_ in lively}
        self._totals = Counter(pool.service for id_, pool in own.items() if id_ not in self._ended)

    def pause(self) -> None:
        """The time until the next `observe` does not count: what happens meanwhile is not known."""
        self._is_paused = True

    def listed(self, pool_ids: Collection[str]) -> None:
        """Pools of all pods that exist, listed after the last `observe`. Another pod never has the same pool."""
        self.since |= {id_: -inf for id_ in self.since if id_ not in pool_ids}

    def over(self, now: float) -> set[str]:
        """Pools that have waited long enough. One that waits with many others does so until it returns itself."""
        counts = Counter(self.unsure.values())
        many = {one for one, count in counts.items() if count >= MASS_POOLS and 3 * count > self._totals[one]}
        self._held = {id_ for id_, service in self.unsure.items() if service in many or id_ in self._held}
        self.guarded = Counter(self.unsure[id_] for id_ in self._held)
        return {id_ for id_, since in self.since.items() if now - since >= self._wait_seconds(id_)}

    def _wait_seconds(self, pool_id: str) -> float:
        if pool_id in self._ended:
            return self._grace
        return max(self._grace, MASS_SECONDS if pool_id in self._held else VANISHED_SECONDS)
