"""Two dispatchers on one store: one that is killed leaves the ticks of all fleets to the other."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from testbed.awaiting import until
from testbed.in_process import TINY
from testbed.servers import EMBEDDED, TextRedis, own_server
from testbed.service_process import ServiceProcess
from tests import rawstate

LEASE_SECONDS = 3


def expired(redis: TextRedis, fleet: str) -> bool:
    return rawstate.fields(redis, fleet)["expired"] == "1"


@pytest.mark.slow
def test_leases_end_and_none_is_held_when_either_dispatcher_is_killed(tmp_path: Path) -> None:
    with own_server(EMBEDDED) as server, server.client() as redis:
        settings = {"SLTA_STORE_URL": server.url}
        folders = [tmp_path / name for name in ("one", "other")]
        for folder in folders:
            folder.mkdir()
        one, other = (ServiceProcess(folder, settings=settings) for folder in folders)
        with one, other:
            for killed, left in ((one, other), (other, one)):
                fleet = killed.url.rpartition(":")[2]
                left.call("PUT", f"/v1/fleets/{fleet}", TINY)
                left.call("POST", f"/v1/fleets/{fleet}/assign", {"session_id": "s", "lease_seconds": LEASE_SECONDS})
                killed.kill()
                until(partial(expired, redis, fleet))
                assert rawstate.fields(redis, fleet)["hold_until"] == "0"
                killed.start()
