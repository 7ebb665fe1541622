"""Audit of the store in the end, with plain commands."""

from __future__ import annotations

from collections.abc import Mapping

from lab.faults.load import FLEET
from testbed.servers import Server
from tests.audit import violations


def sessions(server: Server, fleet: str = FLEET) -> Mapping[str, str]:
    """Live sessions and their pools."""
    with server.client() as redis:
        return {session: record.split()[0] for session, record in redis.hgetall(f"{{{fleet}}}:sessions").items()}


def audit(server: Server, fleet: str = FLEET) -> list[str]:
    """Broken invariants, in sentences."""
    with server.client() as redis:
        return violations(redis, fleet)
