"""Outcomes of a batch: status and body of each operation as JSON, the same bytes as in the response of a single call.

Replies of successful operations are inserted into templates, which costs a third of a result type and its serializer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache

from slta.api.http.problems import URN, problem_of
from slta.api.http.responses import as_json, response_with
from slta.models import MICROSECONDS, Completed, Placement, Renewal
from slta.store import Outcome, Reply, operation_result, split_type

Writer = Callable[[str, Reply], str]
"""Function of session id and reply."""


def write_outcome(kind: str, session_id: str, outcome: Outcome, request_id: str, types: str = URN) -> str:
    """Outcome of one operation as JSON. In an error, Retry-After becomes a member of the body."""
    if not isinstance(outcome, Exception) and outcome[0] in _WRITERS and type(outcome[-1]) is not list:
        return _WRITERS[outcome[0]](session_id, outcome)
    result = operation_result(kind, session_id, outcome)
    response = problem_of(request_id, result, types) if isinstance(result, Exception) else response_with(result)
    body, wait = response.body.decode(), response.headers.get("Retry-After")
    if wait:
        body = f'{body[:-1]}, "retry_after_seconds": {wait}}}'
    return f'{{"status":{response.status},"body":{body}}}'


def _template(status: int, model: type, **values: str) -> str:
    """Outcome with a body of this model; `values` has JSON texts, and those of other members are inserted (`%s`)."""
    texts = {field.name: '"%s"' for field in fields(model)} | values
    members = ",".join(f'"{name}":{text}' for name, text in texts.items())
    return f'{{"status":{status},"body":{{{members}}}}}'


def _placement_writer(status: int, replayed: str) -> Writer:
    template = _template(status, Placement, address="%s", token="%s", lease_seconds="%s", replayed=replayed)

    def write(session_id: str, reply: Reply) -> str:
        token = f'"{reply[6]}"' if reply[6] else "null"
        address = _address(reply[7]) if len(reply) > 7 else "null"
        pool_class, session_type = split_type(reply[2])
        return template % (session_id, session_type, reply[1], pool_class, address, token, _seconds(reply[3]))

    return write


def _write_completed(session_id: str, reply: Reply) -> str:
    return _COMPLETED % (session_id, reply[1], _address(reply[2]) if len(reply) > 2 else "null")


@lru_cache(maxsize=4096)
def _address(address: str) -> str:
    return json.dumps(address)


@lru_cache
def _seconds(microseconds: int | str) -> str:
    return as_json(int(microseconds) / MICROSECONDS).decode()


_COMPLETED = _template(200, Completed, address="%s", outcome='"completed"')
_RENEWED = _template(200, Renewal, outcome='"renewed"')
_WRITERS: Mapping[str, Writer] = {
    "ASSIGNED": _placement_writer(201, "false"),
    "REPLAYED": _placement_writer(200, "true"),
    "COMPLETED": _write_completed,
    "RENEWED": lambda session_id, _: _RENEWED % session_id,
}
"""By the first word of a reply."""
