"""Planted mistakes in the placement route: what of a request counts, how it is refused, what is kept and counted."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

PLACE, REFUSALS, RECORDS = "api/place", "api/place_refusals", "api/place_records"
IDS = "parsing/session_ids"

MUTANTS: dict[str, Mutant] = {
    "a placement obeys the rules of other calls": python(
        "api/http/guards", "        if context.is_placement:\n", "        if False:\n", PLACE
    ),
    "a placement is refused with the problem's own status": python(
        "api/http/placement",
        "problem_of(request_id, error, HTTPStatus.SERVICE_UNAVAILABLE)",
        "problem_of(request_id, error)",
        REFUSALS,
    ),
    "a refused placement does not say when to ask again": python(
        "api/http/placement", '("Retry-After", "Connection")', '("Connection",)', REFUSALS
    ),
    "a refused placement challenges the browser": python(
        "api/http/placement",
        '("Retry-After", "Connection")',
        '("Retry-After", "Connection", "WWW-Authenticate")',
        REFUSALS,
    ),
    "what begins like the placement route is taken for it": python(
        "api/http/placement", r"/{PLACE}(?:/|\Z)", "/{PLACE}", REFUSALS
    ),
    "of two session ids the last one counts": python(
        "api/http/guards", '("X-Session-Id", "X-Slta-Lease", "X-Slta-Session-Type")', '("X-Slta-Lease",)', REFUSALS
    ),
    "a placement without an id is given one": python(
        "api/routes/place", "    if not sent:\n", "    if sent is None:\n", REFUSALS
    ),
    "a lease may be rounded to none": python(
        "api/routes/place", "MIN_LEASE_SECONDS <= seconds", "0 <= seconds", REFUSALS
    ),
    "a visit's lease is not renewed": python("api/routes/place", ", touch=True", "", PLACE),
    "a session id is hashed whatever it is": python(
        "parsing/session_ids", "    if is_name(text):\n", "    if False:\n", IDS, PLACE
    ),
    "a session id is used as it is": python(
        "parsing/session_ids", "    if is_name(text):\n", "    if True:\n", IDS, PLACE
    ),
    "the body of a placement is kept": python(
        "server/http_limits", "if self._keeps_body and not cycle", "if not cycle", PLACE
    ),
    "a head that asks for a placement is refused as others are": python(
        "server/http_limits", "placement_refusal if is_placement(path) else problem_of", "problem_of", REFUSALS
    ),
    "the body of a placement is refused as that of other calls": python(
        "server/http_limits", "self.url if has_begun else target_of(unparsed)", "target_of(unparsed)", REFUSALS
    ),
    "a browser's URL must fit into a line beside ours": python(
        "server/request_head", "MAX_PLACE_LINE if is_placement(", "MAX_REQUEST_LINE if is_placement(", PLACE
    ),
    "any request line may be as long as that of a placement": python(
        "server/request_head", "else MAX_REQUEST_LINE", "else MAX_PLACE_LINE", REFUSALS
    ),
    "the answer to HEAD has a body": python(
        "server/http_limits", 'b"" if is_head else response.body', "response.body", PLACE
    ),
    "any name of a fleet is a label": python(
        "metrics/process_metrics",
        "if request.fleet in self._placed_fleets else NO_FLEET",
        "if True else NO_FLEET",
        RECORDS,
    ),
    "a refused placement is an error of the service": python(
        "metrics/process_metrics",
        "            self._observe_placement(request)\n        elif",
        "            self._observe_placement(request)\n        if",
        RECORDS,
    ),
    "a refused placement is not logged": python(
        "runtime/request_log", "or record.problem in REFUSED_PLACEMENTS", "", "runtime/request_log"
    ),
}
