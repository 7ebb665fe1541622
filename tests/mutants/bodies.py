"""Planted mistakes in what a request may hold and take: bytes of bodies, time of the event loop, the rate, names."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

BUDGET, LOOP, BAD = "api/body_budget", "api/event_loop", "api/bad_input"

MUTANTS: dict[str, Mutant] = {
    "a body is parsed however many parts it has": python(
        "api/parsing", "if parts > self._rules.body_parts:", "if False:", LOOP, BAD
    ),
    "a large body is parsed in the event loop": python(
        "api/parsing", "if len(body) <= INLINE_BYTES and parts <= INLINE_PARTS:", "if True:", "api/parsing"
    ),
    "an object has any number of members": python(
        "reading/strict_json", "if len(pairs) > MOST_MEMBERS:", "if False:", "reading/strict_json", BAD
    ),
    "a number has any number of digits": python(
        "reading/strict_json", "if len(number) > LONGEST_NUMBER:", "if False:", "reading/strict_json", BAD
    ),
    "each of a thousand operations is validated though the first is wrong": python(
        "api/schemas", "max_length=MOST_OPERATIONS, fail_fast=True", "max_length=MOST_OPERATIONS", BAD
    ),
    "each error is put into words": python(
        "reading/explanation", "_unknown_first(errors)[:MOST_NAMED]", "_unknown_first(errors)", "reading/explanation"
    ),
    "bytes of bodies are counted and none is refused": python(
        "api/gate", "if not self.bodies.take(_name(context), size - context.held):", "if False:", BUDGET, "api/direct"
    ),
    "bytes of bodies are never given back": python("api/gate", "if context.held:", "if False:", BUDGET),
    "small bodies are counted too": python("api/gate", "if size <= UNCOUNTED_BYTES or", "if", BUDGET),
    "a caller may hold what all may": python("access/byte_budget", "of_name > self._most_by_name or", "", BUDGET),
    "all callers together hold any number of bytes": python(
        "access/byte_budget", " or self._held + count > self._most", "", BUDGET
    ),
    "a body is counted when it is complete": python(
        "api/bodies", "        _check_size(context, len(chunks), limit, hold)\n", "", BUDGET, BAD
    ),
    "a body that no call takes is kept until the answer": python(
        "api/bodies",
        'if context.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in context.headers:',
        "if False:",
        BUDGET,
    ),
    "a call of many is charged when its body is there": python(
        "api/gate", "if rules.operations > 1:", "if False:", "api/operations"
    ),
    "what a call of many was charged beyond its operations is lost": python(
        "api/gate", "self._charge(context, operations - 1 - context.spare)", "", "api/operations"
    ),
    "a refused call of many has used all that it was charged": python(
        "api/gate", "if context.spare:", "if False:", "api/operations"
    ),
    "a call of many is charged the most whatever its length": python(
        "api/gate", "int(length[:19]) // LEAST_OPERATION", "rules.operations", "api/operations"
    ),
    "a name may be a dot or two": python(
        "reading/fields", "[A-Za-z0-9._:-]{3,128}", "[A-Za-z0-9._:-]{1,128}", "reading/names", BAD
    ),
}
