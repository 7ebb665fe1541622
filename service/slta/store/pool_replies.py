"""Reply parsers of pools."""

from __future__ import annotations

from collections.abc import Sequence

from slta.models import Pool, PoolPage, PoolsAdded, PoolsChanged, Reconciliation
from slta.store.replies import Reply, group_by_outcome, labels_of

PAGE_WORDS = 6
"""Words of one pool in the reply of `pool_page`."""


def pool(reply: Reply) -> Pool:
    """Parse the reply of `pool`, or of a function that changes a pool."""
    _, pool_id, pool_class, status, occupancy, address, labels = reply
    return Pool(
        pool_id=pool_id,
        pool_class=pool_class,
        status=status,
        occupancy=int(occupancy),
        address=address or None,
        labels=labels_of(labels),
    )


def pool_page(reply: Reply) -> PoolPage:
    """Parse the reply of `pool_page`: `PAGE_WORDS` per pool."""
    _, cursor, *flat = reply
    pools = [pool(["POOL", *flat[at : at + PAGE_WORDS]]) for at in range(0, len(flat), PAGE_WORDS)]
    return PoolPage(pools=pools, next_cursor=str(cursor) if cursor != "" else None)


def pools_added(pool_ids: Sequence[str], reply: Reply) -> PoolsAdded:
    """Parse the reply of `add_pools` for pools with these ids."""
    _, count, *ids = reply
    listed = set(ids)
    return PoolsAdded(
        created=ids[: int(count)],
        changed=ids[int(count) :],
        unchanged=[pool_id for pool_id in pool_ids if pool_id not in listed],
    )


def pools_changed(reply: Reply) -> PoolsChanged:
    """Parse the reply of `set_statuses`."""
    _, count, *ids = reply
    return PoolsChanged(changed=ids[: int(count)], unchanged=ids[int(count) :])


def reconciliation(ended: list[str], unknown: Sequence[str], replies: Sequence[Reply]) -> Reconciliation:
    """Result from the `ended` sessions, and the replies of `adopt`, one per unknown session."""
    groups = group_by_outcome(unknown, replies)
    return Reconciliation(
        ended=ended,
        adopted=groups["ADOPTED"],
        over_capacity=groups["OVER_CAPACITY"],
        already_ended=groups["ENDED"],
        elsewhere=groups["ELSEWHERE"],
    )
