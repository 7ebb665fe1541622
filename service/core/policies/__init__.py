"""The dispatching policies as executable specification: occupancies and a draw in, a pool out (paper section 3).

`POLICIES` is the table of those that a fleet file may name. A further policy is a module here and a row there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.core.limits import MAX_CLASSES
from service.core.policies import jlmu, observe, slta, slta_greedy
from service.core.policies.choice import Decision
from service.core.policies.jlmu import Jlmu
from service.core.policies.observe import Comparison, Observe
from service.core.policies.occupancies import Occupancies
from service.core.policies.slta import Slta
from service.core.policies.slta_greedy import SltaGreedy
from service.core.policies.steps import Standing, Step, no_steps
from service.core.policies.tokens import Beta

__all__ = [
    "DEFAULT_POLICY",
    "PLACING",
    "POLICIES",
    "Comparison",
    "Decision",
    "Jlmu",
    "Observe",
    "Occupancies",
    "Policy",
    "Slta",
    "SltaGreedy",
    "Specification",
    "Standing",
    "Step",
]


class Specification(Protocol):
    """A policy on whole occupancies, one session at a time."""

    occupancies: Occupancies

    def assign(self, draw: float) -> Decision | None:
        """Place one session, `draw` in [0, 1); None, and nothing changed, where no active pool has room."""

    def complete(self, pool_class: int, pool: int) -> None:
        """One session of an active pool ends."""

    def pools_changed(self) -> None:
        """Follow `occupancies` after pools came or went there."""


@dataclass(frozen=True)
class Policy:
    """One row of the table: a policy's names, and what others must know of it.

    `name` is what a fleet file says, `title` and `summary` are for people. `tokens` are the words that a decision
    can name; a policy without any places nothing. `has_thresholds` tells whether it keeps r, thresholds, and green and
    yellow tokens. `explain` gives the steps that it would take for the next session, some active pool having room.
    JLMU's expected placement gap is offered as the policy's own in fleets of at most `predicted_classes`.
    """

    name: str
    title: str
    summary: str
    specification: Callable[[Occupancies, Beta], Specification]
    tokens: tuple[str, ...]
    has_thresholds: bool
    explain: Callable[[Standing], Sequence[Step]] = no_steps
    predicted_classes: int = 0

    @property
    def places(self) -> bool:
        """Whether it says where sessions go; else it takes reports of where they went."""
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
            summary="Join the Largest Marginal Utility: a session goes to a pool where it adds most now.",
            specification=lambda occupancies, _beta: Jlmu(occupancies),
            tokens=jlmu.TOKENS,
            has_thresholds=False,
            explain=jlmu.explain,
            predicted_classes=MAX_CLASSES,
        ),
        Policy(
            name="slta-greedy",
            title="SLTA-greedy",
            summary="SLTA that takes green tokens by the worth of their class: not in the paper, closer to JLMU.",
            specification=SltaGreedy,
            tokens=slta_greedy.TOKENS,
            has_thresholds=True,
            explain=slta_greedy.explain,
            predicted_classes=MAX_CLASSES,
        ),
        Policy(
            name="observe",
            title="Observe",
            summary="Places nothing: others report where sessions went, and the figures show what that is worth.",
            specification=lambda occupancies, _beta: Observe(occupancies),
            tokens=observe.TOKENS,
            has_thresholds=False,
        ),
    )
}
"""By name; the first row is the default."""

PLACING: Mapping[str, Policy] = {name: policy for name, policy in POLICIES.items() if policy.places}
"""Those that say where sessions go."""

DEFAULT_POLICY = next(iter(POLICIES.values()))
