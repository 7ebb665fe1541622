"""What a problem document says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from slta.api.http.openapi import ERRORS
from slta.api.http.responses import HttpError, problem_of
from slta.models.errors import DispatchError, NoCapacityError, RepairFailedError, SessionEndedError


def kinds(error: type[DispatchError] = DispatchError) -> Iterator[type[DispatchError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_error_of_a_call_has_a_status_and_a_code_of_its_own_unless_it_is_a_kind_of_another() -> None:
    assert set(ERRORS) == set(kinds())
    assert len({kind.code for kind in ERRORS}) == sum("code" in vars(kind) for kind in ERRORS)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_an_error_says_what_to_do_in_at_most_a_kibibyte(kind: type[DispatchError]) -> None:
    answer = problem_of("r" * 64, kind(None, pool_id="p" * 128, reason="reported_ended"))
    document = json.loads(bytes(answer.body))
    assert (answer.status, document["code"]) == (kind.status, kind.code)
    own = "the repair itself fails: reported_ended"
    assert document["detail"] == (own if kind is RepairFailedError else kind.__doc__)
    assert len(answer.body) <= 1024


def test_facts_for_programs_are_members_of_the_document_unless_they_are_empty() -> None:
    answer = problem_of("r", SessionEndedError(None, pool_id="", reason="completed_before_assign"))
    document = json.loads(bytes(answer.body))
    assert document["reason"] == "completed_before_assign"
    assert "pool_id" not in document


def test_only_what_may_pass_says_when_to_come_back() -> None:
    assert problem_of("r", NoCapacityError()).headers["Retry-After"] == "1"
    assert "Retry-After" not in problem_of("r", HttpError(403, "insufficient_scope", "No.")).headers


def test_a_title_is_the_code_in_words() -> None:
    assert json.loads(problem_of("r", HttpError(400, "invalid_json", "")).body)["title"] == "Invalid JSON"


def test_a_long_detail_is_cut() -> None:
    document = json.loads(bytes(problem_of("r", HttpError(422, "invalid_request", "x" * 5000)).body))
    assert (len(document["detail"]), document["detail"][-1]) == (400, "…")
