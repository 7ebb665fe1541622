"""Every call at the limits can be made and is measured."""

from __future__ import annotations

from lab.benchmarks.longest import Size, measure, report
from testbed.servers import EMBEDDED, own_server

SMALL = Size(pools=1200, capacities=(6, 7), sessions=1000, rounds=1)


def test_every_call_at_the_limits_is_measured() -> None:
    with own_server(EMBEDDED) as server, server.client() as redis:
        found = measure(redis, SMALL)
    assert all(ms >= 0 for times in found.values() for ms in times)
    assert len(report({"embedded": found}).splitlines()) == 2 + len(found)
    assert {"repair: a slice", "DELETE of the fleet"} <= found.keys()
