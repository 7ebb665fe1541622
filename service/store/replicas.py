"""The master's replicas: how many must confirm a write, and how many have done so."""

from __future__ import annotations

from typing import Any

import structlog
from redis.exceptions import ResponseError

from service.store.topology import is_forbidden

log = structlog.get_logger(__name__)


class Replicas:
    """So many replicas as are configured, or all that the master lists as online (ROLE), if these are more.

    A replica of priority 0 confirms writes (WAIT) as one that may be promoted does, so no smaller number is safe.
    """

    def __init__(self, configured: int, wait_ms: int) -> None:
        """A write waits for at most `wait_ms`."""
        self._configured = configured
        self._wait_ms = wait_ms
        self._online = 0
        self._may_ask = True

    @property
    def needed(self) -> int:
        """How many must confirm a write."""
        return max(self._configured, self._online)

    @property
    def surplus(self) -> int:
        """How many more are online than are configured."""
        return self.needed - self._configured

    def commands(self) -> list[tuple[str | int, ...]]:
        """To be sent behind a write: wait for the replicas, then list them. Without ROLE only the first."""
        return [("WAIT", self.needed, self._wait_ms), *([("ROLE",)] if self._may_ask else [])]

    def read(self, confirmed: Any, role: Any = None) -> int:  # noqa: ANN401 - replies to these commands, or errors
        """How many confirmed. `needed` is what the list says now; a number above the configured one is logged."""
        if isinstance(role, ResponseError):
            self._may_ask = not is_forbidden(role)
        elif role and role[0] == "master":  # else it was demoted just now, and refuses to wait
            self._see(len(role[2]))
        return 0 if isinstance(confirmed, ResponseError) else int(confirmed)

    def _see(self, online: int) -> None:
        if online > self._configured and online != self._online:
            log.warning("store_has_more_replicas", online=online, configured=self._configured)
        self._online = online
