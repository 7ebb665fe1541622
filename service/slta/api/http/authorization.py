"""Authorization of requests: authentication, scopes, fleets, pools, rate limits, load shedding and the body budget."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from slta.api.http.guards import RequestContext
from slta.api.http.responses import CLOSE, HttpError
from slta.api.http.route_options import KIB, UNCOUNTED_BYTES, RouteOptions
from slta.auth.byte_budget import ByteBudget
from slta.auth.keys import UNAUTHENTICATED, Access, Principal, Scope
from slta.auth.rate_limit import Rate, RateLimiter
from slta.models import Pool, PoolSpec
from slta.models.errors import PoolNotAllowedError, PoolQuotaError, UnknownFleetError
from slta.parsing.fields import is_name
from slta.parsing.validation_errors import NOT_A_NAME
from slta.store import OperationRequest, Store
from slta.store.pools import quota_word
from slta.store.sessions import restriction


def require_pools(principal: Principal, pool_ids: Collection[str] | None) -> None:
    """Raise PoolNotAllowedError unless the scope `pool` covers all of the pools.

    None: the call does not name its pools, which a restricted key may not do.
    """
    if principal.pools is not None and (pool_ids is None or not all(map(principal.may_use_pool, pool_ids))):
        raise PoolNotAllowedError


def quota_of(principal: Principal, pools: Iterable[PoolSpec]) -> str:
    """The quota with which the store may create these pools. PoolQuotaError for a class that is not the key's."""
    if principal.pools is not None and not {pool.pool_class for pool in pools} <= (principal.classes or set()):
        raise PoolQuotaError
    return quota_word(principal.pools, principal.most_pools)


def restrict_reports(principal: Principal, requests: Sequence[OperationRequest]) -> Sequence[OperationRequest]:
    """Restrict the reports among operations to the pools that the scope `pool` covers; the store refuses others.

    It also refuses to take a session from another pool: with it a restricted key would take the client's next requests.
    """
    if principal.pools is None:
        return requests
    only = restriction(principal.pools)
    return [(kind, id_, lease, option + only if kind == "report" else option) for kind, id_, lease, option in requests]


def readable(principal: Principal, pools: list[Pool]) -> list[Pool]:
    """The pools that the key may read: all with the scope `read`."""
    if principal.pools is None or principal.may({"read"}):
        return pools
    return [pool for pool in pools if principal.may_use_pool(pool.pool_id)]


MAX_WAIT_SECONDS = 0.5
"""Maximum queueing delay; a hot request that would wait longer is shed."""
CHALLENGE = 'Bearer realm="slta"'
FAILURES = Rate(per_second=0.2, burst=20)
"""Rate limit of invalid keys per address: 429 above it. A valid key is never affected."""

BODIES_BYTES = 64 * KIB * KIB
"""Maximum bytes of all bodies in memory."""
BODIES_BYTES_BY_CALLER = 16 * KIB * KIB
"""Maximum of one key, or of one address without authentication."""
MIN_OPERATION_BYTES = len('{"assign":{}},')


class Authorizer:
    """Authorizes requests. One per process."""

    def __init__(self, access: Access, rate: Rate | None, store: Store) -> None:
        """`rate` limits each key, or each address without authentication; None for no limit.

        `store` estimates the queueing delay of an operation.
        """
        self._store = store
        self._access = access
        self._requests = RateLimiter(rate) if rate else None
        self._failures = RateLimiter(FAILURES)
        self.bodies = ByteBudget(BODIES_BYTES, BODIES_BYTES_BY_CALLER)

    def _waiting_seconds(self, queue: Literal["sessions", "pools"], fleet: str) -> float:
        return (self._store.pools if queue == "pools" else self._store.sessions).waiting_seconds(fleet)

    def authorize(
        self, context: RequestContext, route_options: RouteOptions, fleet: str | None, pool_id: str | None = None
    ) -> None:
        """Authorize a request or raise HttpError: 401, 403, 404 for a fleet that the key may not access, 422, 429, 503.

        `fleet` and `pool_id` are those in the path, or None. PoolNotAllowedError if the scope that opens the route is
        restricted to other pools. An authorized request must be released with `release`.
        """
        if not route_options.scopes:
            return
        principal = self._access.identify(context.header(b"authorization"))
        context.principal = principal or UNAUTHENTICATED
        if principal is None:
            raise self._unauthenticated(context.address)
        if route_options.hot and self._waiting_seconds(route_options.hot, fleet or "") > MAX_WAIT_SECONDS:
            context.shed = True
            detail = "The dispatcher is overloaded: wait as long as Retry-After says."
            raise HttpError(503, "overloaded", detail)
        wait = self._requests.take(principal.key_id or context.address) if self._requests else 0
        if wait:
            raise _too_many(wait)
        if not principal.may(route_options.scopes):
            raise insufficient_scope("This call", route_options.scopes)
        if fleet is not None:
            _check_fleet(fleet, principal)
            context.fleet = fleet
        if pool_id is not None and not principal.may(route_options.scopes - {"pool"}):
            require_pools(principal, [pool_id])
        if route_options.operations > 1:
            self._charge(context, max(0, _max_operations(context, route_options) - 1))

    def reserve(self, context: RequestContext, size: int) -> None:
        """Reserve body memory for an authorized request, `size` bytes in total; 503 if the budget is exhausted."""
        if size <= UNCOUNTED_BYTES or size == context.reserved_bytes:
            return
        if not self.bodies.acquire(_quota_name(context), size - context.reserved_bytes):
            context.shed = True
            detail = "The memory for request bodies is exhausted: wait as long as Retry-After says."
            raise HttpError(503, "overloaded", detail, CLOSE)
        context.reserved_bytes = size

    def charge(self, context: RequestContext, operations: int) -> None:
        """Charge the rate limit for a batch: it passes whole, and later requests wait until the bucket has refilled."""
        self._charge(context, operations - 1 - context.unused_charge)
        context.unused_charge = 0

    def release(self, context: RequestContext) -> None:
        """Release the body budget of an authorized request, and refund charged operations that it did not have."""
        if context.reserved_bytes:
            self.bodies.release(_quota_name(context), context.reserved_bytes)
            context.reserved_bytes = 0
        if context.unused_charge:
            self._charge(context, -context.unused_charge)

    def _charge(self, context: RequestContext, operations: int) -> None:
        if self._requests:
            context.unused_charge += operations
            self._requests.charge(_quota_name(context), operations)

    def _unauthenticated(self, address: str) -> HttpError:
        wait = self._failures.take(address)
        if wait:
            return _too_many(wait)
        detail = "Send a valid key as Authorization: Bearer <key>."
        return HttpError(401, "unauthenticated", detail, {"WWW-Authenticate": CHALLENGE})


def insufficient_scope(what: str, scopes: Collection[Scope]) -> HttpError:
    """The refusal of a key that has none of the scopes, one of which is required."""
    names = sorted(scopes)
    detail = f"{what} requires a key with the scope {' or '.join(names)}."
    return HttpError(403, "insufficient_scope", detail, scopes=" ".join(names))


def _quota_name(context: RequestContext) -> str:
    """Name of the rate limit and budget of a request: key id, or address without authentication."""
    return context.principal.key_id or context.address


def _max_operations(context: RequestContext, route_options: RouteOptions) -> int:
    """Upper bound of the operations in a batch, from Content-Length."""
    length = context.content_length
    return route_options.operations if length is None else min(route_options.operations, length // MIN_OPERATION_BYTES)


def _check_fleet(fleet: str, principal: Principal) -> None:
    """422 for an invalid name; a fleet that the key may not access looks like one that does not exist."""
    if not is_name(fleet):
        raise HttpError(422, "invalid_request", f"fleet: {NOT_A_NAME}")
    if not principal.sees(fleet):
        raise UnknownFleetError


def _too_many(wait: int) -> HttpError:
    detail = "Too many requests: wait as long as Retry-After says."
    return HttpError(429, "rate_limited", detail, {"Retry-After": str(wait)})
