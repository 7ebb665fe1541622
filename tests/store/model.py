"""A random fleet that the store, the specification and the naive implementation live through side by side.

Operations are drawn, the specification (and the naive one) says what must happen, the store is sent the same
operations in batches of random size, and every outcome, r, threshold and count is compared. Time passes: leases end,
ids are forgotten. Where the policy takes session types, half of the fleets have some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from redis import Redis

from slta.core.policies import Policy
from slta.store.library import Library
from tests.audit import violations
from tests.store.model_fleet import FLEET
from tests.store.model_pools import Pools


class World(Pools):
    """One fleet under random operations."""

    def __init__(
        self, redis: Redis, seed: int, policy: Policy, *, with_naive: bool, library: Library | None = None
    ) -> None:
        super().__init__(redis, seed, policy, with_naive=with_naive, library=library)
        for i in range(len(self.names)):
            for _ in range(self.rng.randint(1, 6)):
                self.add_pool(i)

    def let_time_pass(self) -> None:
        """A lease or more that end, or ids that are forgotten."""
        self.let_leases_end()
        if self.time_rng.random() < 0.15:
            self.grow_old()

    def grow_old(self) -> None:
        """Time passes until ended ids are forgotten, while no pool waits for its own time."""
        for _ in range(self.time_rng.randint(10, 70) if self.is_calm() else 0):
            self.pass_seconds(4)

    def live(self, operations: int) -> None:
        """Run until `operations` session operations are done: load that swings, pools that come and go."""
        rising = 0.6
        while self.operations < operations:
            self.let_time_pass()
            rising = self.rng.choice([0.2, 0.4, 0.5, 0.6, 0.9]) if self.rng.random() < 0.1 else rising
            for _ in range(self.rng.choice([1, 3, 10, 30, 100])):
                if self.rng.random() < rising or not self.where:
                    self.arrive()
                else:
                    self.depart(self.rng.choice(list(self.where)))
                if self.time_rng.random() < 0.3:
                    self.use_id()
            self.flush()
            if self.rng.random() < 0.3:
                self.change_pools()
                self.flush()
            if self.lease_rng.random() < 0.1:
                self.change_leases()
                self.flush()
            if self.order_rng.random() < 0.02:
                self.reorder()
                self.flush()
            if self.may_have_types() and self.types.rng.random() < 0.3:
                self.retype()
                self.flush()
            if self.rng.random() < 0.01:
                self.audit()
        self.audit()

    def audit(self) -> None:
        """Both audits find nothing, and each session's record says how it came to its pool."""
        assert violations(self.redis, FLEET) == []
        self.compare()
        records = self.redis.hgetall(f"{{{FLEET}}}:sessions")
        placed = {str(session): "".join(str(record).split()[5:]).rstrip("-") for session, record in records.items()}
        assert placed == self.placed


def worlds(
    redis: Redis,
    seeds: Sequence[int],
    policy: Policy,
    operations: int,
    *,
    with_naive: bool = False,
    library: Library | None = None,
) -> tuple[Counter[str], Counter[str]]:
    """Live through a fleet for each seed; how often each token decided, or each word answered a report; all answers."""
    seen, answers = Counter[str](), Counter[str]()
    for seed in seeds:
        world = World(redis, seed, policy, with_naive=with_naive, library=library)
        world.live(operations)
        seen += world.seen
        answers += world.answers
    return seen, answers
