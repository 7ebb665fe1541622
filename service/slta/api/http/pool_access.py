"""Access to pools by a key whose scope `pool` is restricted to some of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace

from slta.auth.keys import Principal
from slta.models import PoolPage
from slta.models.errors import DispatchError, PoolNotAllowedError, SessionEndedError, UnknownSessionError
from slta.store import Store


def require_pools(principal: Principal, pool_ids: Collection[str] | None) -> None:
    """Raise PoolNotAllowedError unless the scope `pool` covers all of the pools.

    None: the call does not name its pools, which a restricted key may not do.
    """
    if principal.pools is not None and (pool_ids is None or not all(map(principal.may_use_pool, pool_ids))):
        raise PoolNotAllowedError


async def require_report(principal: Principal, store: Store, fleet: str, session_id: str, pool_id: str) -> None:
    """Raise PoolNotAllowedError unless the scope `pool` covers the reported pool and the one that the session is on.

    Otherwise a restricted key could take a live session, and with it the client's next requests, from any pool.
    """
    require_pools(principal, [pool_id])
    if principal.pools is not None:
        with suppress(UnknownSessionError, SessionEndedError):
            require_pools(principal, [(await store.sessions.get(fleet, session_id)).pool_id])


async def refused_reports(
    principal: Principal, store: Store, fleet: str, reports: Mapping[int, tuple[str, str]]
) -> Mapping[int, DispatchError]:
    """Errors of `require_report` by index; `reports` has session and pool ids by index."""
    if principal.pools is None:
        return {}

    async def error_of(session_id: str, pool_id: str) -> DispatchError | None:
        try:
            await require_report(principal, store, fleet, session_id, pool_id)
        except DispatchError as error:
            return error
        return None

    errors = await asyncio.gather(*(error_of(*report) for report in reports.values()))
    return {index: error for index, error in zip(reports, errors, strict=True) if error}


def readable(principal: Principal, page: PoolPage) -> PoolPage:
    """Leave the pools of a page that the key may read: all with the scope `read`."""
    if principal.pools is None or principal.may({"read"}):
        return page
    return replace(page, pools=[pool for pool in page.pools if principal.may_use_pool(pool.pool_id)])
