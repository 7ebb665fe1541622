"""Fleets, states and loads for hypothesis: every family, with the coincidences that break arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from hypothesis import strategies as st

from slta.core.ranking import Ranking, rank_coordinates
from slta.core.utility import PoolClass, Utility
from tests.core.curves import alpha_fair, capped, linear, log_share, quadratic, table, weighted

# Few different values, so that classes tie: Δ(x) of log_share is 0 for r = 4 at x = 1, 27/4 at x = 2 and
# 14.92992 at x = 5, and r = 5 ties with r = 20 at log 5.
RESOURCES = [Fraction(r) for r in ("1", "4", "5", "27/4", "10", "14.92992", "20", "30")]
SLOPES = [Fraction(a) for a in ("-1", "0", "0.1", "0.3", "1", "1.5", "2")]
CAPACITIES = st.integers(1, 6)

resources, slopes = st.sampled_from(RESOURCES), st.sampled_from(SLOPES)


@st.composite
def tables(draw: st.DrawFn) -> Utility:
    """A concave table for every capacity drawn here: the sums of falling marginals."""
    marginals = sorted(draw(st.lists(slopes, min_size=6, max_size=6)), reverse=True)
    return table(*(sum(marginals[:x], Fraction(0)) for x in range(7)))


rational_utilities: st.SearchStrategy[Utility] = st.one_of(
    st.builds(linear, slopes),
    st.builds(quadratic, slopes, st.sampled_from([Fraction(c) for c in ("0", "-1/20", "-1/2")])),
    st.builds(capped, slopes.filter(lambda a: a >= 0), st.sampled_from([Fraction(0), Fraction(5, 2), Fraction(4)])),
    st.builds(weighted, resources),
    st.builds(alpha_fair, resources, st.sampled_from([Fraction(0), Fraction(2), Fraction(3)])),
    tables(),
)
log_utilities: st.SearchStrategy[Utility] = st.builds(log_share, resources)
irrational_utilities: st.SearchStrategy[Utility] = st.builds(
    alpha_fair, resources, st.sampled_from([Fraction(1, 2), Fraction(3, 2)])
)
exact_utilities = rational_utilities | log_utilities
utilities = exact_utilities | irrational_utilities


def class_lists(families: st.SearchStrategy[Utility] = utilities) -> st.SearchStrategy[list[PoolClass]]:
    """One to five classes."""
    one = st.builds(PoolClass, st.just("class"), families, CAPACITIES)
    return st.lists(one, min_size=1, max_size=5)


class Fleet(NamedTuple):
    """Classes, their ranking, and the occupancy of every pool of every class."""

    classes: list[PoolClass]
    ranking: Ranking
    columns: list[list[int]]

    @property
    def pools(self) -> list[int]:
        return [len(column) for column in self.columns]

    @property
    def sessions(self) -> int:
        return sum(map(sum, self.columns))

    def capacity(self, pools: Sequence[float] | None = None) -> float:
        """Of these pools, or of those there are."""
        counts = self.pools if pools is None else pools
        return sum(count * c.capacity for count, c in zip(counts, self.classes, strict=True))


@st.composite
def fleets(draw: st.DrawFn, families: st.SearchStrategy[Utility] = utilities) -> Fleet:
    """A fleet with at least one pool, occupied anyhow."""
    classes = draw(class_lists(families))
    columns = [draw(st.lists(st.integers(0, c.capacity), max_size=4)) for c in classes]
    if not any(columns):
        columns[-1] = [0]
    return Fleet(classes, rank_coordinates(classes), columns)
