"""Dispatching policies as executable specification: occupancies and a draw in, a pool out (paper section 3).

`POLICIES` is the table of policies of the fleet file. A new policy is a module here and a row there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from slta.core.limits import MAX_CLASSES
from slta.core.policies import jlmu, observe, slta, slta_greedy
from slta.core.policies.choice import Decision
from slta.core.policies.jlmu import Jlmu
from slta.core.policies.observe import Observe
from slta.core.policies.occupancies import Occupancies
from slta.core.policies.slta import Slta
from slta.core.policies.slta_greedy import SltaGreedy
from slta.core.policies.steps import Standing, Step, no_steps
from slta.core.policies.tokens import Beta

__all__ = ["DEFAULT_POLICY", "PLACING", "POLICIES", "Jlmu", "Observe", "Occupancies", "Policy", "Slta", "SltaGreedy"]


class Specification(Protocol):
    """Policy on full occupancies, one session at a time."""

    occupancies: Occupancies

    def assign(self, draw: float) -> Decision | None:
        """Assign one session, `draw` in [0, 1); None, without a change, if no active pool has room."""

    def complete(self, pool_class: int, pool: int) -> None:
        """End one session of an active pool."""

    def pools_changed(self) -> None:
        """Update after pools of `occupancies` were added or removed."""


@dataclass(frozen=True)
class Policy:
    """Row of the policy table: names and properties.

    `name` is that in the fleet file, `title` and `summary` are for people. `tokens` are the possible tokens of a
    decision; a policy without any places no sessions. `has_thresholds`: it keeps r, thresholds, green and yellow
    tokens. `explain` lists its steps for the next session, if some active pool has room. JLMU's expected placement gap
    applies to the policy in fleets of at most `predicted_classes` classes. `takes_types`: it can place, or compare,
    sessions that may use some classes only; a single estimate r cannot represent their several levels of load.
    """

    name: str
    title: str
    summary: str
    specification: Callable[[Occupancies, Beta], Specification]
    tokens: tuple[str, ...]
    has_thresholds: bool
    explain: Callable[[Standing], Sequence[Step]] = no_steps
    predicted_classes: int = 0
    takes_types: bool = False

    @property
    def places(self) -> bool:
        """Whether it assigns sessions; otherwise it accepts reports."""
        return bool(self.tokens)


POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(
            name="slta",
            title="SLTA",
            summary="Self-Learning Threshold Assignment: learns the optimal thresholds and keeps two bits per pool.",
            specification=Slta,
            tokens=slta.TOKENS,
            has_thresholds=True,
            explain=slta.explain,
            predicted_classes=2,
        ),
        Policy(
            name="jlmu",
            title="JLMU",
            summary="Join the Largest Marginal Utility: a session goes to a pool where it adds most utility now.",
            specification=lambda occupancies, _beta: Jlmu(occupancies),
            tokens=jlmu.TOKENS,
            has_thresholds=False,
            explain=jlmu.explain,
            predicted_classes=MAX_CLASSES,
            takes_types=True,
        ),
        Policy(
            name="slta-greedy",
            title="SLTA-greedy",
            summary="SLTA that takes green tokens by their class's marginal utility: not in the paper, closer to JLMU.",
            specification=SltaGreedy,
            tokens=slta_greedy.TOKENS,
            has_thresholds=True,
            explain=slta_greedy.explain,
            predicted_classes=MAX_CLASSES,
        ),
        Policy(
            name="observe",
            title="Observe",
            summary="Places no sessions: clients report placements, and the utility and its gap are measured.",
            specification=lambda occupancies, _beta: Observe(occupancies),
            tokens=observe.TOKENS,
            has_thresholds=False,
            takes_types=True,
        ),
    )
}
"""Policies by name; the first row is the default."""

PLACING: Mapping[str, Policy] = {name: policy for name, policy in POLICIES.items() if policy.places}
"""Policies that place sessions."""

DEFAULT_POLICY = next(iter(POLICIES.values()))
