"""Route options: scopes, body limits and error codes, declared beside the endpoint, enforced by `ApiRoute`."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from slta.api.http.problems import HttpError
from slta.api.http.route_rules import COMMON, RouteRules
from slta.auth.keys import Scope
from slta.models.errors import DispatchError
from slta.parsing.strict_json import MAX_MEMBERS

KIB = 1024
SMALL_BODY = 64 * KIB
FLEET_BODY = 256 * KIB
"""A table of 16,384 utilities fits."""
BATCH_BODY = 1024 * KIB
UNCOUNTED_BYTES = KIB
"""Bodies up to this size are exempt from the body budget and the count of parts: 4 MiB in total for 4,096 connections.
So a client with an exhausted budget can still assign and complete."""
SMALL_PARTS = 64
FLEET_PARTS = 20_000
"""16,384 levels in 64 tables, each with a u(0), and about 10 parts for each class."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """Options of a route.

    `scopes`: one of them is required; empty: public. `body_bytes`: maximum body size. `body_parts`: maximum number
    of `[`, `{` and `,` in the body, counted before parsing. `body_members`: maximum members of an object in it.
    `offers`: media types of the response. `invalid`: error for a body that fails validation. `free_query`: the
    endpoint validates or ignores the query. `hot`: shed under overload; where its operations queue. `rules`: of the
    route's path. `operations`: maximum operations in one request. `refuses`: errors of the store specific to this
    route (`openapi` has the shared ones).
    """

    scopes: AbstractSet[Scope]
    body_bytes: int = SMALL_BODY
    body_parts: int = SMALL_PARTS
    body_members: int = MAX_MEMBERS
    offers: tuple[str, ...] = ("application/json",)
    invalid: type[DispatchError] | None = None
    free_query: bool = False
    hot: Literal["", "sessions", "pools"] = ""
    rules: RouteRules = COMMON
    operations: int = 1
    refuses: tuple[type[DispatchError], ...] = ()

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        """Declare them for an endpoint."""
        endpoint.route_options = self  # type: ignore[attr-defined]
        return endpoint

    def validation_error(self, detail: str) -> Exception:
        """Error for a body or parameter that fails validation."""
        return self.invalid(detail) if self.invalid else HttpError(422, "invalid_request", detail)


allow = RouteOptions
"""Declare an endpoint's options; goes below the route decorator."""
public = partial(RouteOptions, frozenset())
"""Declare an endpoint that requires no key."""


def route_options_of(endpoint: Callable[..., Any]) -> RouteOptions:
    """Options of an endpoint; TypeError if none were declared."""
    route_options = getattr(endpoint, "route_options", None)
    if not isinstance(route_options, RouteOptions):
        raise TypeError(f"{endpoint.__qualname__} declares neither @allow(…) nor @public()")
    return route_options
