"""Every draw, as a policy takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from slta.core.policies import Specification


def chosen(policy_at: Callable[[], Specification], draws: int = 60) -> Counter[tuple[str, int, int]]:
    """Where the session goes, over equally spaced draws, each from the same state."""
    decisions = [policy_at().assign((k + 0.5) / draws) for k in range(draws)]
    return Counter((d.token, d.pool_class, d.pool) for d in decisions)
