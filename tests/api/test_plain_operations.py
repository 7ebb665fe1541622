"""Plain operations and outcomes of a batch: the same as by the strict reader and by the serializer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.api.fast_path import MAX_BYTES, plain_session_reader, read_plain_operations
from slta.api.http.bodies import BodyParser
from slta.api.http.responses import HttpError, problem_of, response_with
from slta.api.http.route_options import route_options_of
from slta.api.routes.sessions import assign, complete, operate, write_outcome
from slta.api.schemas import AssignBody, CompleteBody, OperationsBody
from slta.models import errors
from slta.store import OperationRequest
from slta.store._outcomes import Reply
from slta.store._replies import operation_result
from tests.inventory import each

NAMES = st.from_regex(r"[A-Za-z0-9._:-]{1,6}", fullmatch=True).filter(lambda name: name not in (".", ".."))
LEASES = st.sampled_from([0, 1, 60, 99_999_999, 1.5, 60.25, 10.000001])
MEMBERS: st.SearchStrategy[Any] = st.builds(dict, session_id=NAMES) | st.builds(
    dict, session_id=NAMES, lease_seconds=LEASES
)
TYPED_MEMBERS: st.SearchStrategy[Any] = st.builds(
    dict, session_id=NAMES, session_type=st.just("default") | NAMES, lease_seconds=LEASES
)
OPERATIONS = st.one_of(
    st.fixed_dictionaries({"assign": MEMBERS | TYPED_MEMBERS}),
    st.fixed_dictionaries({"renew": MEMBERS}),
    st.fixed_dictionaries({"complete": st.builds(dict, session_id=NAMES)}),
)
EDITS = st.tuples(st.integers(0, 200), st.integers(0, 2), st.sampled_from('{}[]":,.-+0eE\\ \f\u00a0é'))
"""Position, characters removed and character added."""
STRICT = BodyParser(OperationsBody, route_options_of(operate))
ONE = '{"assign":{"session_id":"a","lease_seconds":60}}'


def batch(*operations: str) -> bytes:
    return f'{{"operations":[{",".join(operations)}]}}'.encode()


def read_strictly(reader: BodyParser, body: bytes) -> Any:
    """What the strict reader takes from a body; None if it refuses it."""
    try:
        return reader.parse(body)
    except HttpError:
        return None


def strictly(body: bytes) -> list[tuple[str, str, float | None, str]] | None:
    model = read_strictly(STRICT, body)
    return values(model.requests) if model else None


def values(requests: list[OperationRequest]) -> list[tuple[str, str, float | None, str]]:
    """Requests with their leases as numbers: a text may have zeros at its end."""
    return [(kind, id_, float(lease) if lease else None, option) for kind, id_, lease, option in requests]


@given(st.lists(OPERATIONS, min_size=1, max_size=5), st.sampled_from([(",", ":"), (", ", ": "), ("\t,\n", "\r: ")]))
def test_a_plain_body_has_the_values_of_the_strict_reader(operations: list[Any], separators: tuple[str, str]) -> None:
    body = json.dumps({"operations": operations}, separators=separators).encode()
    plain = read_plain_operations(body)
    assert plain
    assert values(plain.requests) == strictly(body)


@given(st.lists(OPERATIONS, min_size=1, max_size=3), st.lists(EDITS, max_size=3))
def test_what_the_fast_reader_takes_the_strict_takes(operations: list[Any], edits: list[tuple[int, int, str]]) -> None:
    text = json.dumps({"operations": operations})
    for at, removed, added in edits:
        text = text[:at] + added + text[at + removed :]
    plain = read_plain_operations(text.encode())
    assert plain is None or values(plain.requests) == strictly(text.encode())


SESSION_READERS = [
    (plain_session_reader(AssignBody), BodyParser(AssignBody, route_options_of(assign))),
    (plain_session_reader(CompleteBody), BodyParser(CompleteBody, route_options_of(complete))),
]


@given(NAMES, st.lists(EDITS, max_size=2))
def test_a_plain_session_is_what_the_strict_reader_takes(name: str, edits: list[tuple[int, int, str]]) -> None:
    text = json.dumps({"session_id": name})
    for at, removed, added in edits:
        text = text[:at] + added + text[at + removed :]
    for read_plain, strict in SESSION_READERS:
        plain = read_plain(text.encode())
        assert plain or edits
        assert plain is None or vars(plain) == vars(read_strictly(strict, text.encode()))


OTHER_FORMS = {
    "no operation": batch(),
    "more than 1,000": batch(*[ONE] * 1001),
    "a second member": b'{"operations":[%b],"a":1}' % ONE.encode(),
    "text after the end": batch(ONE) + b"x",
    "a comma at the end": batch(ONE, ""),
    "a byte-order mark": b"\xef\xbb\xbf" + batch(ONE),
    "form feed": batch(ONE) + b"\f",
    "no-break space": batch(ONE) + "\u00a0".encode(),
    "a key twice": batch('{"assign":{"session_id":"a","session_id":"b"}}'),
    "a lease twice": batch('{"assign":{"session_id":"a","lease_seconds":1,"lease_seconds":2}}'),
    "two operations in one": batch('{"assign":{"session_id":"a"},"complete":{"session_id":"a"}}'),
    "a lease of complete": batch('{"complete":{"session_id":"a","lease_seconds":1}}'),
    "an unknown member": batch('{"assign":{"session_id":"a","weight":1}}'),
    "an unknown operation": batch('{"report":{"session_id":"a"}}'),
    "an escape": batch('{"assign":{"session_id":"\\u0061"}}'),
    "a lone surrogate": batch('{"assign":{"session_id":"\\ud800"}}'),
    "not UTF-8": batch(ONE).replace(b'"a"', b'"\xff"'),
    "129 characters": batch(f'{{"assign":{{"session_id":"{"a" * 129}"}}}}'),
    "a dot": batch('{"assign":{"session_id":"."}}'),
    "no id": batch('{"assign":{}}'),
    "null": batch('{"assign":{"session_id":null}}'),
    "NaN": batch('{"assign":{"session_id":"a","lease_seconds":NaN}}'),
    "a leading zero": batch('{"assign":{"session_id":"a","lease_seconds":060}}'),
    "a zero and a fraction": batch('{"assign":{"session_id":"a","lease_seconds":0.0001}}'),
    "a point at the end": batch('{"assign":{"session_id":"a","lease_seconds":60.}}'),
    "an exponent": batch('{"assign":{"session_id":"a","lease_seconds":6e1}}'),
    "a negative lease": batch('{"assign":{"session_id":"a","lease_seconds":-1}}'),
    "more than ten years": batch('{"assign":{"session_id":"a","lease_seconds":315360001}}'),
    "true": batch('{"assign":{"session_id":"a","lease_seconds":true}}'),
    "a type of a renewal": batch('{"renew":{"session_id":"a","session_type":"video"}}'),
    "a type of a completion": batch('{"complete":{"session_id":"a","session_type":"video"}}'),
    "a lease first": batch('{"assign":{"lease_seconds":1,"session_id":"a"}}'),
    "too long": batch(ONE) + b" " * MAX_BYTES,
    "empty": b"",
}


@each("form", OTHER_FORMS)
def test_another_form_is_left_to_the_strict_reader(form: str) -> None:
    assert read_plain_operations(OTHER_FORMS[form]) is None


# Outcomes

LEASE_TEXTS = st.sampled_from([0, 1000, 1_500_000, 60_000_000, 315_360_000_000_000])


def by_serializer(kind: str, session: str, outcome: Reply | Exception) -> str:
    """The response of a single call, as a member of a batch's, without Retry-After."""
    result = operation_result(kind, session, outcome)
    response = problem_of("r-1", result) if isinstance(result, Exception) else response_with(result)
    return f'{{"status":{response.status},"body":{response.body.decode()}}}'


PLACEMENTS = [
    ["ASSIGNED", "green"],
    ["ASSIGNED", "x", "10.0.0.1:80"],
    ["ASSIGNED", "x", '"\\'],
    ["REPLAYED", ""],
    ["REPLAYED", "", "10.0.0.1:80"],
]
"""First word, token and address."""


@given(NAMES, NAMES, NAMES, LEASE_TEXTS, st.sampled_from(PLACEMENTS))
def test_a_placement_is_serialized_alike(session: str, pool: str, pool_class: str, lease: int, form: list[str]) -> None:
    outcome, *rest = form
    reply = [outcome, pool, pool_class, lease, 5, 9, *rest]
    assert write_outcome("assign", session, reply, "r-1") == by_serializer("assign", session, reply)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("complete", ["COMPLETED", "p"]),
        ("complete", ["COMPLETED", "p", "10.0.0.1:80"]),
        ("complete", ["UNMARKED"]),
        ("assign", ["ASSIGNED", "p", "c", 1, 5, 9, "green", ["10.0.0.1:80", '{"zone": "a"}']]),
        ("report", ["NEW", "p", "c", 1, 5, 9, [5, "q", "c", 7, 0], ["", "10.0.0.1:80"]]),
        ("report", ["SAME", "p", "c", 1, 5, 9, ""]),
        ("complete", ["ENDED", "expired", "p"]),
        ("complete", ["UNKNOWN"]),
        ("renew", ["RENEWED", "p", "c", 1, 5, 9, ""]),
        ("renew", ["EXPIRED"]),
        ("assign", ["ENDED", "expired", "p"]),
        ("assign", ["OBSERVES"]),
        ("assign", errors.UnknownFleetError()),
    ],
)
def test_any_other_outcome_is_written_as_the_single_call_answers(kind: str, outcome: Reply | Exception) -> None:
    assert write_outcome(kind, "s", outcome, "r-1") == by_serializer(kind, "s", outcome)


def test_the_time_to_wait_is_a_member_of_the_body() -> None:
    written = json.loads(write_outcome("assign", "s", errors.StoreUnavailableError(), "r-1"))
    assert (written["status"], written["body"]["code"]) == (503, "store_unavailable")
    assert written["body"]["retry_after_seconds"] == 1
