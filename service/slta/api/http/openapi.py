"""OpenAPI document of the API: operations, bodies, responses and error codes.

Route-specific error codes come from its `route_options`; shared ones follow from its properties: key, body, fleet in
the path, changing, hot.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from slta.api.http.api_route import ApiRoute
from slta.api.http.codes import MEANINGS
from slta.api.http.dependencies import dependencies_of
from slta.api.http.guards import SAFE_METHODS
from slta.api.http.problems import MAY_PASS, PROBLEM_JSON
from slta.core.policies import Policy
from slta.models import errors

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
