"""Order of the paper: larger marginal utility first, ties by class and level (section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from slta.core.ranking import Ranking
from slta.core.utility import PoolClass


@dataclass(frozen=True)
class Paper:
    """`{kind: paper}`, the default."""

    kind: ClassVar[str] = "paper"
    title: ClassVar[str] = "marginal utility"
    ties: ClassVar[str] = "the class that stands first in the file is filled first"
    by_marginal: ClassVar[bool] = True

    def arrange(self, _classes: Sequence[PoolClass], ranking: Ranking) -> Ranking:
        """The paper's order."""
        return ranking
