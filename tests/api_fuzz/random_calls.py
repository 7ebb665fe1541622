"""The steps of a walk, and how often each is taken beside the others."""

from __future__ import annotations

from collections.abc import Mapping

from tests.api_fuzz.fleet_calls import (
    be_ready,
    delete_fleet,
    empty_and_delete_fleet,
    look,
    look_around,
    pass_time,
    put_fleet,
    repair,
    talk_nonsense,
)
from tests.api_fuzz.pool_calls import (
    add_pools,
    change_pool,
    change_pools,
    end_guard,
    fail_pool,
    put_pool,
    report_pool,
    send_heartbeats,
)
from tests.api_fuzz.session_calls import assign, complete, get_session, operations, place, renew, report
from tests.api_fuzz.walk import Step

STEPS: Mapping[Step, int] = {
    assign: 40, complete: 30, report: 12, change_pool: 8, pass_time: 8, get_session: 6, operations: 6, put_fleet: 6,
    renew: 5, look: 5, add_pools: 4, place: 4, put_pool: 3, report_pool: 3, fail_pool: 2,
    send_heartbeats: 5, change_pools: 2, end_guard: 1, talk_nonsense: 2, delete_fleet: 1, empty_and_delete_fleet: 1,
    repair: 1, look_around: 1,
    be_ready: 1,
}  # fmt: skip
