"""Access to pools by a key whose scope `pool` is restricted to some of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from slta.auth.keys import Principal
from slta.models import Pool, PoolSpec
from slta.models.errors import PoolNotAllowedError, PoolQuotaError
from slta.store import OperationRequest
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
