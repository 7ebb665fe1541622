"""Lines of the history as scale advice reads them."""

from __future__ import annotations

from typing import Any

from slta.models import Arrivals
from slta.views.scale import lines_of
from tests.inventory import each
from tests.views.test_history import line


@each("case", [(130, [60, 130]), (150, [60, 120, 150]), (125, [60, 125])])
def test_the_last_interval_is_not_too_short_to_count_refusals(case: Any) -> None:
    second, ends = case
    ring = [line(at, 0, 0, 0) for at in (120, 60, 0)]
    assert [one.end for one in lines_of(ring, line(second, 0, 0, 0))] == ends


def test_an_interval_has_means_and_the_arrivals_between_its_ends() -> None:
    older = line(60, 120, 0, 0, a=1, arrivals=Arrivals(5, 9, 9, 2))
    newer = line(120, 720, 0, 0, a=3, b=1, arrivals=Arrivals(12, 20, 9, 5))
    (found,) = lines_of([older], newer)
    assert found == (120, 60, (10,), (5, 2), 7, 3)


def test_lines_of_other_curves_are_left_out() -> None:
    ring = [line(60, 0, 0, 0), line(0, 0, 0, 0, utilities_version=7)]
    assert [one.seconds for one in lines_of(ring, line(120, 0, 0, 0))] == [60]
