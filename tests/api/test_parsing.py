"""A body is parsed in the event loop or by the worker thread, by its size."""

from __future__ import annotations

from contextlib import suppress
from threading import get_ident
from typing import Any

import pytest

from slta.api.http import bodies
from slta.api.http.bodies import INLINE_BYTES, BodyParser
from slta.api.http.responses import HttpError
from slta.api.http.route_options import route_options_of
from slta.api.routes.sessions import operate
from slta.api.schemas import OperationsBody
from slta.parsing.strict_json import parse
from tests.api.worst_bodies import compact

FOUR_PARTS = {"assign": {"session_id": "a", "lease_seconds": 1}}


@pytest.mark.parametrize(
    ("operations", "size", "by_worker"),
    [(1, 0, False), (1000, 0, False), (1024, 0, True), (1, INLINE_BYTES, False), (1, INLINE_BYTES + 1, True)],
)
async def test_a_body_that_is_large_or_has_many_parts_is_parsed_by_the_worker(
    monkeypatch: pytest.MonkeyPatch, operations: int, size: int, *, by_worker: bool
) -> None:
    threads: list[int] = []

    def noted(body: bytes, max_members: int) -> Any:
        threads.append(get_ident())
        return parse(body, max_members)

    monkeypatch.setattr(bodies, "parse", noted)
    body = compact({"operations": [FOUR_PARTS] * operations}).ljust(size)
    with suppress(HttpError):  # of more than 1,000
        await BodyParser(OperationsBody, route_options_of(operate)).read(body)
    assert (threads != [get_ident()]) is by_worker
