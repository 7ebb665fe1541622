"""What is asked about the gap that is to be expected: for which load, of which fleet, and when not at all."""

from __future__ import annotations

import dataclasses

import pytest

from slta.core.orders import Index, Kink
from slta.core.policies import POLICIES, Policy
from slta.views.averages import AveragesObservation, observe_averages
from slta.views.expected_gap import ExpectedGap, ExpectedGapQuestion, mean_sessions, question_at, question_now, rounded
from slta.views.state import Observation, observe_state
from slta.views.what_if import WhatIf, changed, what_if
from tests.views.test_views import SECOND, SPEC, class_snapshot, integrals, snapshot

FOUND = ExpectedGap(gap=0.25, relative=0.05)
SIX = dataclasses.replace(SPEC, classes=tuple(dataclasses.replace(SPEC.classes[0], name=f"c{i}") for i in range(6)))


def test_the_load_is_the_mean_of_five_minutes() -> None:
    newer = integrals(time=400 * SECOND, sessions=(2.0**70, 700.0 * SECOND))
    older = integrals(time=100 * SECOND, sessions=(2.0**70, 100.0 * SECOND))
    seen = snapshot([9, 4], [9, 3], sessions=7, integrals=newer, past={60: newer, 300: older})
    assert mean_sessions(seen) == 2, "it is 7 now"
    assert question_now(seen, SPEC) == question_at(seen, SPEC, [9, 9], 2.0)


def test_before_any_time_has_passed_it_is_the_sessions_there_are() -> None:
    assert mean_sessions(snapshot([9, 1], [9, 2])) == 3
    assert mean_sessions(snapshot([9, 1], [9, 2], past={300: integrals()})) == 3


def test_loads_are_rounded_to_steps_of_a_fifth_of_a_percent() -> None:
    for sessions in (0.1, 1.0, 17.3, 5_000.0, 3e6):
        assert rounded(sessions) == pytest.approx(sessions, rel=0.00101)
        assert rounded(rounded(sessions)) == rounded(sessions)
    assert rounded(0.0) == 0


def test_a_question_is_the_same_as_long_as_configuration_pools_and_load_are() -> None:
    def asked(**changes: object) -> ExpectedGapQuestion | ExpectedGap:
        return question_at(snapshot([9], [9], **changes), SPEC, [9, 9], 5.0)

    assert asked() == asked(time=1, clock=2, rank=3)
    assert len({asked(), asked(fleet="g"), asked(store_epoch=8), asked(config_version=4)}) == 4


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
def test_a_policy_says_for_how_many_classes_its_gap_is_jlmus(policy: Policy) -> None:
    """Classes without pools do not count."""
    spec = dataclasses.replace(SIX, policy=policy)
    three = question_at(snapshot([9], [9]), spec, [9, 9, 9, 0, 0, 0], 5.0)
    two = question_at(snapshot([9], [9]), spec, [9, 9, 0, 0, 0, 0], 5.0)
    assert isinstance(two, ExpectedGapQuestion) == policy.places
    assert (three == ExpectedGap(reason="policy")) == (policy.name in ("slta", "observe"))


def test_an_order_that_is_not_by_marginal_has_none() -> None:
    seen = snapshot([9], [9])
    jlmu = dataclasses.replace(SPEC, policy=POLICIES["jlmu"])
    assert isinstance(question_now(seen, dataclasses.replace(jlmu, order=Kink())), ExpectedGapQuestion)
    assert question_now(seen, dataclasses.replace(jlmu, order=Index(5.0))) == ExpectedGap(reason="order")


def test_a_fleet_that_empties_is_full_or_has_no_pool_has_none() -> None:
    draining = [class_snapshot("a", [9]), class_snapshot("b", [9], draining_pools=1)]
    assert question_now(snapshot([9], [9], classes=draining), SPEC) == ExpectedGap(reason="pools_draining")
    failed = [class_snapshot("a", [9]), class_snapshot("b", [9], failed_pools=1)]
    assert isinstance(question_now(snapshot([9], [9], classes=failed), SPEC), ExpectedGapQuestion)
    assert question_now(snapshot([0], [0]), SPEC) == ExpectedGap(reason="no_active_pool")
    # Room for 9 · 3 + 9 · 2 = 45 sessions.
    assert isinstance(question_at(snapshot([9], [9]), SPEC, [9, 9], 44.9), ExpectedGapQuestion)
    assert question_at(snapshot([9], [9]), SPEC, [9, 9], 45.0) == ExpectedGap(reason="nearly_full")


def test_all_three_answers_say_it_in_the_same_words() -> None:
    seen = snapshot([2, 1], [2, 1], integrals=integrals(time=SECOND))
    answers: list[Observation | AveragesObservation | WhatIf] = [
        observe_state(seen, SPEC, FOUND),
        observe_averages(seen, integrals(), SPEC, FOUND),
        what_if(SPEC, *changed(seen, SPEC, {}, {}), FOUND),
    ]
    for answer in answers:
        assert answer.expected_placement_gap == 0.25
        assert answer.relative_expected_placement_gap == 0.05
        assert answer.expected_placement_gap_reason is None
    assert observe_state(seen, SPEC).expected_placement_gap_reason == "pending"
