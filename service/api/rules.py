"""What each route asks of a request: declared beside the route, enforced by `routing`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar, Unpack

from service.access.keys import SCOPES, Scope
from service.api.problems import Refusal
from service.errors import DispatchError

KIB = 1024
SMALL_BODY = 64 * KIB
FLEET_BODY = 256 * KIB
"""A table of 16,384 utilities fits."""
BATCH_BODY = 1024 * KIB
UNCOUNTED_BYTES = KIB
"""A body of at most so much is within every limit, and neither its bytes nor its parts are counted. 4,096 connections
hold 4 MiB of them, and who has too much under way elsewhere may still assign and complete."""
SMALL_PARTS = 64
FLEET_PARTS = 20_000
"""16,384 levels of 64 tables, each with a u(0), and some 10 for each class."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rules:
    """What one route asks.

    `scopes`: one of them is needed, or none when empty. `body_bytes`: at most. `body_parts`: at most so many `[`, `{`
    and `,` in the body, which are counted before it is parsed. `offers`: the media types it answers in.
    `invalid`: what a body that does not fit is refused with. `free_query`: the endpoint checks the query itself.
    `hot`: refused while too much waits for the store; `direct` may answer it without FastAPI. `operations`: so many at
    most are in one call. `refuses`: the errors of the store that calls of this kind do not share (`contract` knows
    those).
    """

    scopes: frozenset[Scope]
    body_bytes: int = SMALL_BODY
    body_parts: int = SMALL_PARTS
    offers: tuple[str, ...] = ("application/json",)
    invalid: type[DispatchError] | None = None
    free_query: bool = False
    hot: bool = False
    operations: int = 1
    refuses: tuple[type[DispatchError], ...] = ()

    def unfit(self, detail: str) -> Exception:
        """What a body or a parameter that does not fit is refused with."""
        return self.invalid(detail) if self.invalid else Refusal(422, "invalid_request", detail)


class Options(TypedDict, total=False):
    """The fields of `Rules` that have defaults."""

    body_bytes: int
    body_parts: int
    offers: tuple[str, ...]
    invalid: type[DispatchError]
    free_query: bool
    hot: bool
    operations: int
    refuses: tuple[type[DispatchError], ...]


def allow(*scopes: Scope, **options: Unpack[Options]) -> Callable[[Endpoint], Endpoint]:
    """Declare an endpoint's rules; write it below the route's decorator."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValueError(f"scopes must be of {SCOPES}")
    return _declare(Rules(frozenset(scopes), **options))


def public(**options: Unpack[Options]) -> Callable[[Endpoint], Endpoint]:
    """Declare that an endpoint is for everybody."""
    return _declare(Rules(frozenset(), **options))


def _declare(rules: Rules) -> Callable[[Endpoint], Endpoint]:
    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.rules = rules  # type: ignore[attr-defined]
        return endpoint

    return declare


def rules_of(endpoint: Callable[..., Any]) -> Rules:
    """The rules that were declared; a route without any is a mistake."""
    rules = getattr(endpoint, "rules", None)
    if not isinstance(rules, Rules):
        raise TypeError(f"{endpoint.__qualname__} declares neither @allow(…) nor @public()")
    return rules
