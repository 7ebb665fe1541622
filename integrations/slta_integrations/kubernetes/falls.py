"""Falls of a Deployment's replicas: whether the pods that go first have gone, at the looks that follow.

| at a look | what follows |
|---|---|
| more than the rest of the pods that go first are left | replicas do not fall |
| they are left two looks after the controllers have seen it | they are named, and count for no other fall |
| outside of a rollout the status counts others than the pods | replicas do not fall; twice in a row: `differ` |
"""

from __future__ import annotations

from collections.abc import Mapping

from slta_integrations.kubernetes.objects import Deployment, Labelled

MAX_LOOKS = 2
_NONE: frozenset[str] = frozenset()


class Falls:
    """Those of one Deployment."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        """Pools of pods that have stayed."""
        self._going, self._rest, self._generation, self._looks = _NONE, 0, 0, 0
        self._differed = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self._going

    def fell(self, deployment: Deployment, pods: frozenset[str], replicas: int) -> None:
        """Fewer replicas were written; of these pods as many should go."""
        rest = len(pods) - (deployment.replicas - replicas)
        self._going, self._rest, self._generation, self._looks = pods, rest, deployment.generation + 1, 0

    def stayed(self, deployment: Deployment, pods: Mapping[str, Labelled]) -> frozenset[str]:
        """Pools of pods that are found to have stayed at this look; its `pods` by pool id."""
        left = self._going & pods.keys()
        self._looks += deployment.observed >= self._generation
        if len(left) > self._rest and self._looks < MAX_LOOKS:
            return _NONE
        found = left if len(left) > self._rest else _NONE
        self._going = _NONE
        self.kept |= found
        return found

    def differ(self, deployment: Deployment, pods: Mapping[str, Labelled]) -> bool:
        """Whether the pods of this look and of the one before are not those that the status counts."""
        before, self._differed = self._differed, deployment.is_settled and len(pods) != deployment.existing
        return before and self._differed
