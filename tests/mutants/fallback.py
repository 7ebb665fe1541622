"""Planted mistakes in what is served while something is away: the endpoints of a fleet, and placements for proxies."""

from __future__ import annotations

from functools import partial

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

TESTS, WAITING = "api/endpoints", "api/place_waiting"
cache = partial(python, "api/endpoint_cache")
VIEW = ("views/endpoints", TESTS)
SHARED = "if fleet not in self._readings:"

MUTANTS: dict[str, Mutant] = {
    "a draining pool is an endpoint": python(
        "views/endpoints", "if pool.takes_sessions", 'if pool.status != "failed"', *VIEW
    ),
    "endpoints of a class that is gone are an error": python(
        "views/endpoints", "classes.get(endpoint.pool_class)", "classes[endpoint.pool_class]", *VIEW
    ),
    "only the first page of pools is read": python(
        "store/pools", "cursor = page.next_cursor\n", "cursor = None\n", TESTS
    ),
    "pages of pools are read without a pause": python(
        "store/pools", 'self._functions.slice("pool_page"', 'self._functions.read("pool_page"', "store/pools"
    ),
    "each request reads the endpoints itself": cache(SHARED, "if True:", TESTS),
    "a fresh copy is read again": cache("if copy and asyncio", "if copy is ... and asyncio", TESTS),
    "a copy is fresh for ever": cache(
        "asyncio.get_running_loop().time() < copy.fresh_until", "copy.fresh_until", TESTS
    ),
    "a large fleet is read again after a second": cache("max(FRESH_SECONDS, REST", "min(FRESH_SECONDS, REST", TESTS),
    "a client that leaves ends the reading of the others": cache("await asyncio.shield(", "await (", TESTS),
    "an old copy is not returned while the store is unavailable": cache(
        "if fleet not in self._copies:\n                raise", "if fleet:\n                raise", TESTS
    ),
    "a reading that failed is shared for ever": cache(
        "        finally:\n            del self._readings[fleet]", "        finally:\n            pass", TESTS
    ),
    "a copy is never dropped": cache("            del self._copies[fleet]", "            pass", TESTS),
    "a copy is dropped with an older one": cache("self._copies[fleet].began == began", "began", TESTS),
    "the endpoints of 10,000 pools are encoded by the event loop": cache(
        "await in_worker(_encode, fleet, await self._specs.of_stored(document), endpoints)",
        "_encode(fleet, await self._specs.of_stored(document), endpoints)",
        "api/event_loop",
    ),
    "the ETag is the same for all bytes": cache("hashlib.sha256(body)", 'hashlib.sha256(b"")', TESTS),
    "a condition has one ETag": python(
        "api/http/responses", '(if_none_match or "").split(",")', '[if_none_match or ""]', TESTS
    ),
    "a weak ETag is another one": python("api/http/responses", '.removeprefix("W/")', "", TESTS),
    "any ETag will not do": python("api/http/responses", 'isdisjoint({etag, "*"})', "isdisjoint({etag})", TESTS),
    "the age of a copy is not told": python(
        "api/routes/endpoints", "asyncio.get_running_loop().time() - copy.began", "-1.0", TESTS
    ),
    "a placing client may not see the endpoints": python(
        "api/routes/endpoints", '@allow("assign", "read")', '@allow("read")', "api/auth"
    ),
    "a placement waits for a store that is known to refuse": python(
        "api/routes/place", "if store.is_refusing(fleet) else", "if False else", WAITING
    ),
    "every placement has 50 ms": python(
        "api/routes/place", "if store.is_refusing(fleet) else", "if True else", WAITING
    ),
    "a placement that was given up is sent": python(
        "api/routes/place", "return await assigned", "return await asyncio.shield(assigned)", WAITING
    ),
    "a placement that was given up names no session": python(
        "api/routes/place", "OutcomeUnknownError(None, session_id=session_id)", "OutcomeUnknownError()", WAITING
    ),
    "a store that was not checked yet refuses": python(
        "store/store", "return failed is not None", "return failed is not None or not self._failures", WAITING
    ),
}
