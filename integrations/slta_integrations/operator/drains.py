"""Wait until draining pools are empty, with a progress bar on a terminal."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Collection

from slta.cli.error_messages import NO, UserError
from slta.cli.progress import progress_bar
from slta_integrations.operator.calls import Operator

POLL_SECONDS = 1.0


async def until_empty(operator: Operator, ids: Collection[str], pool_class: str | None) -> None:
    """Return when none of these pools drains with sessions. Raises UserError if some are left after all deadlines."""
    with progress_bar() as bar:
        task = bar.add_task("draining", total=None)
        most = 0
        while True:
            pools = await operator.pools(status="draining", pool_class=pool_class)
            full = [pool for pool in pools if pool["pool_id"] in ids and pool["occupancy"]]
            left = sum(pool["occupancy"] for pool in full)
            if not full:
                return
            if all(pool["drain"] and pool["drain"]["deadline_seconds"] <= 0 for pool in full):
                raise UserError(f"the deadline has passed: {left} sessions are left on {len(full)} pools", NO)
            most = max(most, left)
            bar.update(task, total=most, completed=most - left, description=f"{left} sessions left")
            await sleep(POLL_SECONDS)
