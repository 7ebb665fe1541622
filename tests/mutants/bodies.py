"""Planted mistakes in what a request may hold and take: bytes of bodies, time of the event loop, the rate, names."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

BUDGET, LOOP, BAD = "api/body_budget", "api/event_loop", "api/bad_input"

MUTANTS: dict[str, Mutant] = {
    "a body is parsed however many parts it has": python(
        "api/http/parsing", "if parts > self._route_options.body_parts:", "if False:", LOOP, BAD
    ),
    "a large body is parsed in the event loop": python(
        "api/http/parsing", "if len(body) <= INLINE_BYTES and parts <= INLINE_PARTS:", "if True:", "api/parsing"
    ),
    "an object has any number of members": python(
        "parsing/strict_json", "if len(pairs) > max_members:", "if False:", "parsing/strict_json", BAD
    ),
    "a number has any number of digits": python(
        "parsing/strict_json", "if len(number) > MAX_NUMBER:", "if False:", "parsing/strict_json", BAD
    ),
    "each of a thousand operations is validated though the first is wrong": python(
        "api/schemas", "max_length=MAX_OPERATIONS, fail_fast=True", "max_length=MAX_OPERATIONS", BAD
    ),
    "each error is put into words": python(
        "parsing/validation_errors",
        "_unknown_first(errors)[:MAX_NAMED]",
        "_unknown_first(errors)",
        "parsing/validation_errors",
    ),
    "bytes of bodies are counted and none is refused": python(
        "api/http/authorization",
        "if not self.bodies.acquire(_quota_name(context), size - context.reserved_bytes):",
        "if False:",
        BUDGET,
    ),
    "bytes of bodies are never given back": python(
        "api/http/authorization", "if context.reserved_bytes:", "if False:", BUDGET
    ),
    "small bodies are counted too": python("api/http/authorization", "if size <= UNCOUNTED_BYTES or", "if", BUDGET),
    "a caller may hold what all may": python("auth/byte_budget", "name_bytes > self._limit_per_name or", "", BUDGET),
    "all callers together hold any number of bytes": python(
        "auth/byte_budget", " or self.used + count > self._limit", "", BUDGET
    ),
    "a body is counted when it is complete": python(
        "api/http/bodies", "        _check_size(context, len(chunks), limit, reserve)\n", "", BUDGET, BAD
    ),
    "a body that no call takes is kept until the answer": python(
        "api/http/bodies",
        'if context.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in context.headers:',
        "if False:",
        BUDGET,
    ),
    "a call of many is charged when its body is there": python(
        "api/http/authorization", "if route_options.operations > 1:", "if False:", "api/operations"
    ),
    "what a call of many was charged beyond its operations is lost": python(
        "api/http/authorization", "self._charge(context, operations - 1 - context.unused_charge)", "", "api/operations"
    ),
    "a refused call of many has used all that it was charged": python(
        "api/http/authorization", "if context.unused_charge:", "if False:", "api/operations"
    ),
    "a call of many is charged the most whatever its length": python(
        "api/http/authorization",
        "int(length[:19]) // MIN_OPERATION_BYTES",
        "route_options.operations",
        "api/operations",
    ),
    "a name may be a dot or two": python(
        "parsing/fields", "[A-Za-z0-9._:-]{3,128}", "[A-Za-z0-9._:-]{1,128}", "parsing/names", BAD
    ),
}
