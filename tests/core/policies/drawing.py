"""Every draw, as a policy takes it; and histories of arrivals and completions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st

from slta.core.policies import Specification
from slta.core.policies.choice import Decision


def chosen(policy_at: Callable[[], Specification], draws: int = 60) -> Counter[tuple[str, int, int]]:
    """Where the session goes, over equally spaced draws, each from the same state."""
    decisions = [policy_at().assign((k + 0.5) / draws) for k in range(draws)]
    return Counter((d.token, d.pool_class, d.pool) for d in decisions)


histories = st.lists(st.floats(-1, 1, exclude_max=True), max_size=60)
"""x ≥ 0: an arrival with that draw. x < 0: a completion at place −x among the pools that hold sessions."""


def step(policy: Specification, x: float) -> Decision | None:
    if x >= 0:
        return policy.assign(x)
    busy = [(i, k) for i, column in enumerate(policy.occupancies.columns) for k, held in enumerate(column) if held]
    if busy:
        policy.complete(*busy[int(-x * (len(busy) - 1))])
    return None
