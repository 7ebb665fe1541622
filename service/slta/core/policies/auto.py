"""`policy: auto`: the policy that docs/policies.md recommends for a fleet, by its classes and number of pools."""

from __future__ import annotations

AUTO = "auto"
MANY_CLASSES = 3
FEW_POOLS, MANY_POOLS = 20, 30
"""Below the first a fleet of two classes gets JLMU, which it keeps until it has the second."""


def recommended(classes: int, pools: int, running: str, *, needs_levels: bool) -> str:
    """Name of the policy; `running` is the present one, '' of a new fleet. `needs_levels`: options that need JLMU.

    >>> [recommended(2, pools, "jlmu", needs_levels=False) for pools in (18, 22, 30)]
    ['jlmu', 'jlmu', 'slta']
    """
    few = pools < (MANY_POOLS if running == "jlmu" else FEW_POOLS)
    return "jlmu" if needs_levels or classes >= MANY_CLASSES or few else "slta"
