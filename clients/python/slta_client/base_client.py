"""Base class of both clients: their arguments."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from slta_client.breaker import Breaker
from slta_client.options import LEASE_SECONDS, Options, fleets_of
from slta_client.session import OnLost


class BaseClient(ABC):
    """Client with its options; `_begin` makes its state."""

    def __init__(
        self,
        url: str,
        fleet: str | None = None,
        *,
        fleets: Sequence[str] | None = None,
        key: str | None = None,
        timeout: float = 1.0,
        wait: float | None = None,
        lease_seconds: float | None = LEASE_SECONDS,
        on_lost: OnLost | None = None,
        verify: ssl.SSLContext | bool = True,
        fallback: Literal["two-choices"] | None = None,
        fallback_file: str | PathLike[str] | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        """`fleets` in order of preference instead of `fleet`. `timeout`: seconds that a call and its retries take.

        `wait`: seconds to wait for capacity. `lease_seconds`: 0 for none, None for the fleet's. `on_lost` is called
        with the reason when a session loses its place. `verify` is `ssl` of aiohttp. `fallback` places sessions while
        slta does not answer, from the endpoints that it returned last, which `fallback_file` keeps beyond this process,
        and `breaker` limits how long slta is asked first.
        """
        self._options = Options(
            url=url,
            fleets=fleets_of(fleet, fleets),
            key=key,
            timeout=timeout,
            wait=wait,
            lease_seconds=lease_seconds,
            on_lost=on_lost,
            verify=verify,
            fallback=fallback,
            fallback_file=None if fallback_file is None else Path(fallback_file).absolute(),
            breaker=breaker,
        )
        self._begin()

    @abstractmethod
    def _begin(self) -> None:
        """Begin without sessions, connections, task or thread."""
