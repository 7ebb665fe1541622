"""Replica count: how many replicas must confirm a write (WAIT), from the settings and the master's ROLE."""

from __future__ import annotations

from typing import Any

import structlog
from redis.exceptions import ResponseError

from slta.store._client.sentinel import is_forbidden

log = structlog.get_logger(__name__)


class Replicas:
    """Required confirmations: the configured number of replicas, or all that ROLE lists as online, if more.

    A replica of priority 0, which is never promoted, also confirms writes, so a smaller number would not be safe.
    """

    def __init__(self, configured: int, wait_ms: int) -> None:
        """`wait_ms` is the timeout of WAIT."""
        self._configured = configured
        self._wait_ms = wait_ms
        self._online = 0
        self._may_list = True

    @property
    def needed(self) -> int:
        """Number of replicas that must confirm a write."""
        return max(self._configured, self._online)

    @property
    def surplus(self) -> int:
        """Number of online replicas above the configured number."""
        return self.needed - self._configured

    def commands(self) -> list[tuple[str | int, ...]]:
        """Commands to append to a write: WAIT, and ROLE if the ACL allows it."""
        return [("WAIT", self.needed, self._wait_ms), *([("ROLE",)] if self._may_list else [])]

    def read(self, confirmed: Any, role: Any = None) -> int:  # noqa: ANN401 - replies to these commands, or errors
        """Number of confirmations; updates `needed` from ROLE. A number above the configured one is logged."""
        if isinstance(role, ResponseError):
            self._may_list = not is_forbidden(role)
        elif role and role[0] == "master":  # a demoted server rejects WAIT
            online = len(role[2])
            if online > self._configured and online != self._online:
                log.warning("store_has_more_replicas", online=online, configured=self._configured)
            self._online = online
        return 0 if isinstance(confirmed, ResponseError) else int(confirmed)
