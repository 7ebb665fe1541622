"""OpenAPI document of the API: operations, bodies, responses, error codes and what each code means.

Route-specific error codes come from its `route_options`; shared ones follow from its properties: key, body, fleet in
the path, changing, hot.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from slta.api.http.api_route import ApiRoute, dependencies_of
from slta.api.http.guards import SAFE_METHODS
from slta.api.http.responses import MAY_PASS, PROBLEM_JSON
from slta.core.policies import Policy
from slta.models import errors
from slta.models.errors import Again, Applied, DispatchError


class Meaning(NamedTuple):
    """Attributes of an error code, as of a DispatchError; `means` is its description, one or more sentences."""

    status: int
    applied: Applied = "no"
    again: Again = "changed"
    means: str = ""


REFUSED: Mapping[str, Meaning] = {
    "invalid_json": Meaning(
        400,
        means="The body is not UTF-8, has NaN, a duplicate key, a depth over about 1000, a number over 1000 "
        "characters, or an object over 20 members (64 in a fleet, 8192 in a pool's list).",
    ),
    "invalid_http": Meaning(400, means="The request violates HTTP/1.1 (RFC 9112). The connection is closed."),
    "invalid_host": Meaning(
        400, means="`Host` is missing, repeated, not allowed, or unlike an absolute target. Probes accept any."
    ),
    "escaped_slash": Meaning(400, means="The path has `%2F`, which proxies interpret differently."),
    "repeated_authorization": Meaning(400, means="The request has two `Authorization` headers."),
    "repeated_header": Meaning(
        400, means="Placement route: two `X-Session-Id`, `X-Slta-Lease` or `X-Slta-Session-Type`."
    ),
    "unauthenticated": Meaning(401, means="The key is missing or wrong."),
    "insufficient_scope": Meaning(403, means="The key has none of `scopes`."),
    "cross_site": Meaning(403, means="A browser sent the request from another site's page."),
    "not_found": Meaning(404, means="The path does not exist; `detail` says where to look."),
    "method_not_allowed": Meaning(405, means="`allow` and the header `Allow` list the methods of the path."),
    "not_acceptable": Meaning(406, means="`Accept` excludes the type of the response."),
    "request_timeout": Meaning(408, again="at_once", means="The headers or the body took more than 10 s."),
    "payload_too_large": Meaning(413, means="The body is larger than its limit."),
    "uri_too_long": Meaning(414, means="The request line is longer than 8 KiB; placement route: 16 KiB."),
    "unsupported_media_type": Meaning(415, means="The body is encoded, or not `application/json` in UTF-8."),
    "invalid_request": Meaning(
        422, means="`detail` names a wrong or unknown member or parameter, or the body has too many parts."
    ),
    "no_session_id": Meaning(422, means="Placement route: `X-Session-Id` is missing."),
    "rate_limited": Meaning(
        429, again="later", means="The key exceeds its rate, or an address sent too many wrong keys."
    ),
    "headers_too_large": Meaning(431, means="Headers or chunk framing exceed 16 KiB or 100 lines."),
    "internal_error": Meaning(500, "perhaps", "later", "A defect. The log has the traceback under `request_id`."),
    "unsupported_transfer_coding": Meaning(
        501, means="The transfer coding is not `chunked`. The connection is closed."
    ),
    "overloaded": Meaning(503, again="later", means="A limit of the dispatcher is reached; nothing was changed."),
    "too_many_connections": Meaning(
        503,
        again="later",
        means="The dispatcher has its maximum of connections, or one address has half of it. The connection is closed.",
    ),
    "too_many_viewers": Meaning(503, again="later", means="Too many live pages are open."),
    "unsupported_http_version": Meaning(
        505, means="The version is neither HTTP/1.1 nor HTTP/1.0. The connection is closed."
    ),
}
"""Of errors raised before the store is called."""
OF_PROXIES: Mapping[str, Meaning] = {
    "dispatcher_unavailable": Meaning(
        503, again="later", means="The proxy in front reaches no dispatcher; nothing was changed."
    )
}
"""Of the proxy in docker-compose.yml."""
ERRORS = tuple(
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DispatchError) and kind is not DispatchError
)
MEANINGS: Mapping[str, Meaning] = {
    **REFUSED,
    **OF_PROXIES,
    **{
        kind.code: Meaning(kind.status, kind.applied, kind.again, kind.__doc__ or "")
        for kind in ERRORS
        if "code" in vars(kind)
    },
}
"""Of every code, by the class that defines it."""


SERVER = (
    *("invalid_http", "request_timeout", "uri_too_long", "headers_too_large", "unsupported_transfer_coding"),
    *("too_many_connections", "unsupported_http_version"),
)
EVERY = (
    *SERVER,
    *("invalid_host", "escaped_slash", "repeated_authorization", "payload_too_large", "overloaded", "invalid_json"),
    *("unsupported_media_type", "not_acceptable", "invalid_request", "internal_error"),
)
"""Those of a body also for operations without one, which refuse one that has members."""
WITH_KEY = ("unauthenticated", "insufficient_scope", "rate_limited")
OF_PROXY_ROUTE = (
    *SERVER,
    *WITH_KEY,
    *("repeated_authorization", "repeated_header", "no_session_id", "overloaded", "invalid_request", "internal_error"),
)
"""Of a route that proxies ask, which has none of the other rules."""
IN_FLEET = (
    errors.UnknownFleetError,
    errors.NewerFleetError,
    errors.DamagedError,
    errors.DocumentUnreadableError,
)

CODES = sorted(MEANINGS)
RETRY_AFTER = {"Retry-After": {"description": "seconds to wait, whole", "schema": {"type": "integer", "minimum": 1}}}
EXAMPLES = Path(__file__).with_name("examples.json")
"""Bodies (`request`) and answers by status, by operation; `tests.docs.examples` writes it."""
TEXT = {"type": "string"}
NAMES = {"type": "array", "items": TEXT}

PROBLEM = {
    "type": "object",
    "description": "Error of a call.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "code": {"type": "string", "enum": CODES, "description": "stable"},
        "request_id": TEXT | {"description": "absent in responses of a proxy"},
        "pool_id": TEXT | {"description": "with session_ended: pool of the session"},
        "reason": TEXT | {"description": "with session_ended: why it ended"},
        "session_id": TEXT | {"description": "with outcome_unknown: the session"},
        "allow": NAMES | {"description": "with method_not_allowed: the methods of the path"},
        "scopes": NAMES | {"description": "with insufficient_scope: those of which the key needs one"},
        "name": TEXT | {"description": "pool or class that caused the error"},
        "size": TEXT | {"description": "with change_too_large: number of pools or sessions"},
        "layout": TEXT | {"description": "layout that the fleet is stored in"},
        "config_version": TEXT | {"description": "with version_mismatch: the current one"},
        "as_of": TEXT | {"description": "with stale_report: the current value"},
        "session_type": TEXT | {"description": "session type that the error is about"},
        "session_types": NAMES | {"description": "with unknown_session_type: those of the fleet"},
        "pool_classes": NAMES | {"description": "classes of `session_type`, or that it would lose"},
        "sessions": TEXT | {"description": "with session_type_in_use: sessions of the type"},
        "retry_after_seconds": {"type": "integer", "description": "in `operations`, instead of Retry-After"},
    },
}


def codes_of(route: ApiRoute, method: str) -> dict[int, list[str]]:
    """Error codes of an operation by status, without those of a proxy and of unmatched routes (404, 405)."""
    if route.route_options.rules.of_proxies:
        return {503: [*OF_PROXY_ROUTE, *(error.code for error in _by_the_store(route, method))]}
    by_status: dict[int, list[str]] = {}
    refused = [(code, MEANINGS[code].status) for code in _before_the_store(route, method)]
    for code, status in refused + [(error.code, error.status) for error in _by_the_store(route, method)]:
        by_status.setdefault(status, []).append(code)
    return dict(sorted(by_status.items()))


def _before_the_store(route: ApiRoute, method: str) -> Iterator[str]:
    yield from EVERY
    if route.route_options.scopes:
        yield from WITH_KEY
    if method not in SAFE_METHODS:
        yield "cross_site"


def _by_the_store(route: ApiRoute, method: str) -> Iterator[type[errors.DispatchError]]:
    if route.path.startswith("/v1/"):
        yield errors.StoreUnavailableError
        if method not in SAFE_METHODS or route.route_options.rules.of_proxies:
            yield errors.OutcomeUnknownError
    if "{fleet}" in route.path:
        yield from IN_FLEET
    if "{pool_id}" in route.path:
        yield errors.PoolNotAllowedError
    if route.route_options.invalid:
        yield route.route_options.invalid
    yield from route.route_options.refuses


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application, cached."""
    if app.openapi_schema is None:
        about = {name: getattr(app, name) for name in ("title", "version", "summary", "description")}
        routes = [route.described() if isinstance(route, ApiRoute) else route for route in app.routes]
        document = get_openapi(**about, routes=routes)
        schemas = document["components"]["schemas"]
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = PROBLEM
        _name_policies(schemas, dependencies_of(app).specs.policies)
        document["x-slta-codes"] = {code: MEANINGS[code]._asdict() for code in CODES}
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for route in app.routes:
            if isinstance(route, ApiRoute) and route.include_in_schema:
                for method in route.methods or ():
                    _describe_call(document["paths"][route.path_format][method.lower()], route, method)
        _add_examples(document["paths"])
        app.openapi_schema = document
    return app.openapi_schema


def _add_examples(paths: Mapping[str, Any]) -> None:
    """Add what a service was sent and answered; where the answer is empty, its headers."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for operation in (operation for methods in paths.values() for operation in methods.values()):
        for part, value in examples.get(operation["operationId"], {}).items():
            described = operation["requestBody"] if part == "request" else operation["responses"][part]
            for media in described.get("content", {}).values():
                media["example"] = value
            for name in described.get("headers", {}).keys() & value:
                described["headers"][name]["example"] = value[name]


def _name_policies(schemas: dict[str, Any], policies: Mapping[str, Policy]) -> None:
    """Enumerate what depends on the policies: `policy` of a fleet, `token` of a decision."""
    tokens = list(dict.fromkeys(token for policy in policies.values() for token in policy.tokens))
    schemas["FleetBody"]["properties"]["policy"]["enum"] = list(policies)
    for model in ("Placement", "Session"):
        schemas[model]["properties"]["token"]["anyOf"][0]["enum"] = tokens


def _describe_call(operation: dict[str, Any], route: ApiRoute, method: str) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status, codes in codes_of(route, method).items():
        own = responses.get(str(status), {})
        headers = {"headers": RETRY_AFTER} if status in MAY_PASS else {}
        responses[str(status)] = _problem(" or ".join(codes), own.get("content", {})) | headers
    responses["default"] = _problem("error response of a proxy", {})
    if route.body_field is not None:
        model: Any = route.body_field.field_info.annotation  # an absent body is read as an empty object
        operation["requestBody"]["required"] = any(field.is_required() for field in model.model_fields.values())
        limits = route.route_options
        operation["requestBody"]["description"] = f"at most {limits.body_bytes // 1024} KiB, {limits.body_parts} parts"
    if scopes := route.route_options.scopes:
        operation["security"] = [{"key": []}]
        operation["description"] = f"{operation['description']}\n\nScope: {' or '.join(sorted(scopes))}."


def _problem(description: str, other_content: Mapping[str, Any]) -> dict[str, Any]:
    content = {**other_content, PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}
