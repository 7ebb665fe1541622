"""Queue of jobs, each of which one dispatcher does at a time: a tick has claimed it for this one, see `jobs.lua`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection

import structlog

from slta.models.errors import DispatchError, UnknownFleetError

log = structlog.get_logger(__name__)


class JobQueue(ABC):
    """Claims of one job by fleet. They are done one after the other, which delays no fleet's ticks."""

    failure: str
    """Event of the log."""
    retries = False
    """Whether one that the store fails is done again in the next round. Else, as after a defect, its claim ends."""

    def __init__(self) -> None:
        self._claims: dict[str, str] = {}
        self.requested = asyncio.Event()
        """Set to run the next round at once."""

    @property
    def is_idle(self) -> bool:
        """Whether none is queued."""
        return not self._claims

    def claimed(self, fleet: str, claim: str = "") -> None:
        """Do the fleet's job in the next round."""
        self._claims[fleet] = claim
        self.requested.set()

    def keep_only(self, fleets: Collection[str]) -> None:
        """Drop the claims of all other fleets."""
        self._claims = {fleet: claim for fleet, claim in self._claims.items() if fleet in fleets}

    async def round(self) -> None:
        """Do the queued jobs, each even if another fails."""
        self.requested.clear()
        for fleet, claim in list(self._claims.items()):
            try:
                await self._do(fleet, claim)
            except UnknownFleetError:  # deleted meanwhile
                pass
            except DispatchError as error:
                log.warning(self.failure, fleet=fleet, why=error.code)
                if self.retries:
                    continue
            except Exception:
                log.exception(self.failure, fleet=fleet)
            self._claims.pop(fleet, None)

    @abstractmethod
    async def _do(self, fleet: str, claim: str) -> None: ...
