"""Base class of both clients: their options, and the beginning and end of a session and of the client."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from os import PathLike
from pathlib import Path
from typing import Generic, Literal, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from slta_client.breaker import Breaker
from slta_client.endpoints import Endpoints
from slta_client.engine import Engine
from slta_client.fallback import Fallback
from slta_client.keeping import keep
from slta_client.placing import place
from slta_client.session import OnLost, Priority, RefusedError, Session, Wanted

LEASE_SECONDS = 300.0
"""Renewed every 100 s; a process that dies holds its places for at most so long."""
CLOSE_SECONDS = 5.0
TWO_CHOICES = "two-choices"
Block = TypeVar("Block")


class BaseClient(ABC, Generic[Block]):
    """Client with its options, whose sessions are blocks of one kind."""

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
        and `breaker` limits how long slta is asked first. Raises ValueError for options that cannot be.
        """
        _check(url, key, timeout, lease_seconds or 0.0)
        if fallback not in (None, TWO_CHOICES):
            raise ValueError(f'fallback must be "{TWO_CHOICES}" or None')
        if fallback is None and (fallback_file is not None or breaker is not None):
            raise ValueError("fallback_file and breaker need a fallback")
        self._wanted = Wanted("", _fleets_of(fleet, fleets), lease_seconds, wait or 0.0, on_lost)
        self._new_engine = partial(Engine, url, key, timeout, breaker or Breaker(), verify=verify)
        file = None if fallback_file is None else Path(fallback_file).absolute()
        self._new_fallback = partial(Fallback, self._wanted.fleets if fallback is not None else (), file)
        self._begin()

    def session(
        self,
        session_id: str | None = None,
        *,
        session_type: str | None = None,
        priority: Priority | None = None,
        wait: float | None = None,
        on_lost: OnLost | None = None,
    ) -> Block:
        """Place a session for the block, and end it afterwards. `session_type`: which classes it may use; None: all.

        One of `priority` "low" leaves the last free places to others. Raises a PlacementError at the beginning,
        SessionLostError at the end if its place was given away and the block raised nothing itself. One id, one block
        at a time.
        """
        wanted = replace(
            self._wanted,
            session_id=uuid4().hex if session_id is None else session_id,
            wait_seconds=self._wanted.wait_seconds if wait is None else wait,
            on_lost=on_lost or self._wanted.on_lost,
            session_type=session_type,
            priority=priority,
        )
        return self._block(wanted)

    @abstractmethod
    def _block(self, wanted: Wanted) -> Block:
        """The block of a session."""

    def _begin(self, inherited: Mapping[str, Endpoints] | None = None) -> None:
        """Begin without sessions, connections, task or thread. The parent of a forked process knew these endpoints."""
        self._engine = self._new_engine(self._new_fallback(inherited))
        self._ids: set[str] = set()
        """Of sessions in a block, or on their way into one."""

    async def _run(self) -> None:
        """Renew and end sessions until the client is closed."""
        try:
            await keep(self._engine)
        finally:
            await self._engine.http.close()

    async def _place(self, wanted: Wanted) -> Session:
        """Place a session; RefusedError if its id is in another block. If cancelled, what may be placed is ended."""
        session_id, session = wanted.session_id, None
        if session_id in self._ids:
            text = "the id is in another block of this client"
            raise RefusedError("session_in_use", text, fleet=wanted.fleets[0], session_id=session_id)
        self._ids.add(session_id)
        self._engine.leases.placing += 1
        try:
            session = await place(self._engine, wanted)
            return session
        finally:
            self._engine.leases.placing -= 1
            if session is None:
                self._ids.discard(session_id)
            self._engine.changed.set()

    def _end(self, session: Session) -> None:
        """Queue the end of a session."""
        self._ids.discard(session.id)
        self._engine.leases.end(session)
        self._engine.changed.set()

    def _close(self, seconds: float) -> None:
        """End all sessions; `_run` returns when slta has confirmed each end, at most so many seconds later."""
        self._engine.leases.close(self._engine.clock() + seconds)
        self._engine.changed.set()


def _check(url: str, key: str | None, timeout: float, lease_seconds: float) -> None:
    if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
        raise ValueError("url must begin with http:// or https:// and a host")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ValueError("key must consist of printable ASCII characters")
    if not 0 < timeout < inf or not 0 <= lease_seconds < inf:
        raise ValueError("timeout must be positive, lease_seconds must not be negative, and both finite")


def _fleets_of(fleet: str | None, fleets: Sequence[str] | None) -> tuple[str, ...]:
    """One fleet, or several in order of preference; ValueError for both or neither, or one text as several."""
    if isinstance(fleets, str) or (fleet is None) == (not fleets):
        raise ValueError("give either fleet or fleets")
    return (fleet,) if fleet is not None else tuple(fleets or ())
