"""Validation of bodies and queries: each field that does not fit is refused by name, with the reason."""

from __future__ import annotations

import re
from typing import Any

from tests.api.conftest import Api
from tests.api.test_bad_input import configuration

OP = {"complete": {"session_id": "a"}}
BEAT = {"pool_id": "a", "ttl_seconds": 10}
ATTRIBUTES: list[tuple[dict[str, Any], str]] = [
    ({"address": ""}, "address: must have 1 to 255 printable ASCII characters, but no space and no comma"),
    *(({"address": address}, "address: must have") for address in ("a b", "a,b", "é:1", "x" * 256)),
    ({"address": 8080}, "address: input should be a valid string"),
    ({"labels": {"a b": ""}}, "labels.?: must be a name"),
    ({"labels": {"a": 1}}, "labels.a: input should be a valid string"),
    ({"labels": {"a": "\n"}}, "labels.a: must have no control characters"),
    ({"labels": {str(k): "" for k in range(17)}}, "labels: dictionary should have at most 16 items"),
    ({"labels": {"a": "é" * 512}}, "labels: must have at most 1,024 bytes, keys and values together"),
    ({"labels": []}, "labels: must be an object with fields"),
]
TYPES: list[tuple[Any, str]] = [
    ({"a": 7}, "session_types: must have names of session types by session id"),
    ({"a": "no name"}, "session_types: must have names of session types by session id"),
    ({"b": "video"}, "session_types has an id that is not one of session_ids"),
    (["a"], "session_types: must be an object with fields"),
]
DEADLINES: list[tuple[dict[str, Any], str]] = [
    ({"within_seconds": 0}, "within_seconds: input should be greater than or equal to 1"),
    ({"within_seconds": 604_801}, "within_seconds: input should be less than or equal to 604800"),
    ({"within_seconds": 1.5}, "within_seconds: input should be a valid integer"),
    ({"within_seconds": 600, "then": "remove"}, "then: input should be 'list' or 'fail'"),
    ({"within": 600}, "within: is not a known field; did you mean within_seconds?"),
    ({"then": "fail"}, "then needs within_seconds"),
]
MEANT_ID = "is not a known field; did you mean session_id?"
MEANT_POOL = "is not a known field; did you mean pool_id?; pools[0].pool_id: field required"
WITHOUT_BODY = (
    *("GET /state", "GET /pools/large-1", "POST /pools/large-1/undrain", "POST /pools/large-1/fail", "DELETE "),
)
MISFITS: dict[str, list[tuple[Any, str]]] = {
    "POST /assign": [
        ({"sesion_id": "s"}, "sesion_id: is not a known field; did you mean session_id?"),
        ({"x": 1}, "x: is not a known field"),
        ({"lease": 30}, "lease: is not a known field; did you mean lease_seconds?"),
    ],
    "POST /operations": [
        ({"operations": operations}, detail)
        for operations, detail in (
            ([], "operations: list should have at least 1 item"),
            ([OP] * 1001, "operations: list should have at most 1000 items"),
            ([{"complete": {}}] * 9, "operations[0].complete.session_id: field required"),
            ([OP, {}], "operations[1]: must have one member: assign, complete, renew or report"),
            ([OP | {"assign": {}}], "operations[0]: must have one member"),
            ([{"end": {"session_id": "a"}}], "operations[0]: must have one member"),
            ([OP, "complete"], "operations[1]: must have one member"),
            ([OP, {"complete": {}}], "operations[1].complete.session_id: field required"),
            (
                [OP, {"renew": {"session_ids": ["a"]}}],
                f"operations[1].renew.session_ids: {MEANT_ID}; operations[1].renew.session_id: field required",
            ),
            ([OP, {"assign": {"session_id": "{"}}], "operations[1].assign.session_id: must be a name"),
            (
                [{"assign": {"lease_second": 1}}],
                "operations[0].assign.lease_second: is not a known field; did you mean lease_seconds?",
            ),
            (
                [{"renew": {"sessionid": "s"}}],
                f"operations[0].renew.sessionid: {MEANT_ID}; operations[0].renew.session_id: field required",
            ),
        )
    ],
    "POST /renew": [({"session_ids": ["a", *"/////"]}, "session_ids[1]: must be a name")],
    "POST /pools/status": [
        ({"status": "draining"}, "must have one of pool_ids and pool_class"),
        ({"status": "draining", "pool_ids": ["a"], "pool_class": "b"}, "must have one of pool_ids and pool_class"),
        ({"status": "draining", "pool_ids": []}, "pool_ids: list should have at least 1 item after validation, not 0"),
        ({"status": "failed", "pool_class": "large"}, "status: input should be 'active' or 'draining'"),
        ({"status": "active", "pool_class": "a", "within_seconds": 5}, "within_seconds needs the status draining"),
        *(({"status": "draining", "pool_class": "a"} | given, detail) for given, detail in DEADLINES),
        ({"status": "active", "pool_ids": ["p"] * 1001}, "pool_ids: list should have at most 1000 items"),
    ],
    "POST /pools/large-1/drain": [*DEADLINES],
    "POST /pools/large-1/drain?within=600": [(None, "query: unknown parameter; the call takes no parameters")],
    "GET /pools?state=down": [(None, "query: unknown parameter; known: cursor, limit, liveness, pool_class, status")],
    "GET /pools?status=down": [(None, "query.status: input should be 'active', 'draining' or 'failed'")],
    "GET /pools?liveness=dead": [(None, "query.liveness: input should be")],
    "GET /pools?pool_class=a%20b": [(None, "query.pool_class: must be a name")],
    "POST /repair": [({"set_aside": "yes"}, "set_aside: input should be a valid boolean")],
    **{call: [({"within": 600}, "within: is not a known field"), ([], "the body must be")] for call in WITHOUT_BODY},
    "PUT /pools/small-1": [({"pool_class": "small"} | given, detail) for given, detail in ATTRIBUTES],
    "POST /pools": [
        ({"pools": [{"pool": "p", "pool_class": "small"}]}, f"pools[0].pool: {MEANT_POOL}"),
        ({"pools": [{"pool_id": "a", "pool_class": "/"}] * 9}, "pools[0].pool_class: must be a name"),
        ({"pools": [{"id": "p", "pool_class": "small"}]}, f"pools[0].id: {MEANT_POOL}"),
        *(
            ({"pools": [{"pool_id": "small-1", "pool_class": "small"} | given]}, f"pools[0].{detail}")
            for given, detail in ATTRIBUTES
        ),
    ],
    "POST /pools/guard": [({"action": "begin"}, "action: input should be 'end'")],
    "PUT /pools/large-1/sessions": [
        ({"as_of": "1:1", "session_ids": [1] * 9}, "session_ids[0]: input should be"),
        *(({"as_of": "1:1", "session_ids": ["a"], "session_types": types}, detail) for types, detail in TYPES),
    ],
    "POST /pools/heartbeats": [
        ({"heartbeats": heartbeats}, detail)
        for heartbeats, detail in (
            ([{"pool_id": "a"}], "heartbeats[0].ttl_seconds: field required"),
            ([BEAT, BEAT], "heartbeats must be of different pools"),
            ([BEAT | {"ttl_seconds": 1}], "heartbeats[0].ttl_seconds: input should be greater than or equal to 2"),
            ([BEAT | {"ttl_seconds": 3601}], "heartbeats[0].ttl_seconds: input should be less than or equal to 3600"),
            ([BEAT | {"ttl_seconds": 2.5}], "heartbeats[0].ttl_seconds: input should be a valid integer"),
            ([BEAT | {"count": -1}], "heartbeats[0].count: input should be greater than or equal to 0"),
            ([BEAT | {"count": 8193}], "heartbeats[0].count: input should be less than or equal to 8192"),
            ([BEAT | {"address": "two words"}], "heartbeats[0].address: must have 1 to 255 printable ASCII"),
            ([BEAT | {"sessions": []}], "heartbeats[0].sessions: is not a known field"),
        )
    ],
}
"""By call: a body, and the beginning of the detail of its refusal, which names no other: a list is validated up to its
first wrong element."""


async def test_what_does_not_fit_is_refused_with_field_and_reason_and_changes_nothing(api: Api, fleet: str) -> None:
    before, found = await configuration(api, fleet), []
    for call, body, detail in ((call, *misfit) for call, misfits in MISFITS.items() for misfit in misfits):
        method, _, path = call.partition(" ")
        problem = (await api.request(method, fleet + path, json=body)).json()
        is_named = re.fullmatch(re.escape(detail) + "[^;]*", problem.get("detail", ""))
        found.append((call, body, detail, problem.get("code") == "invalid_request" and bool(is_named)))
    wrong = [one for one in found if not one[-1]]
    assert wrong == []
    assert await configuration(api, fleet) == before
