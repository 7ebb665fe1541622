"""Client for threads: one thread renews and ends all sessions of the client. It survives a fork."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import Self
from weakref import WeakSet

import httpx

from slta_client.attempts import Attempt, reply_of
from slta_client.base_client import BaseClient
from slta_client.copy_file import save
from slta_client.endpoints import Endpoints
from slta_client.options import CLOSE_SECONDS
from slta_client.placing import place
from slta_client.replies import NO_REPLY, Reply
from slta_client.session import OnLost, Session
from slta_client.steps import Lost, Save, Send, Step, Steps, T

_clients: WeakSet[Client] = WeakSet()


class Client(BaseClient):
    """Client of one dispatcher, or of several behind one address. Threads may share it.

    After a fork, the child's copy begins without sessions, with connections and a thread of its own: what the parent
    placed stays the parent's.
    """

    def _begin(self, inherited: Mapping[str, Endpoints] | None = None) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._state = self._options.state(inherited)
        self._http: httpx.Client | None = None
        self._thread: threading.Thread | None = None
        _clients.add(self)

    def begin_in_child(self) -> None:
        """Begin without sessions, connections and thread. Nothing of the parent is closed or waited for."""
        parents = self._state
        self._begin(parents.fallback.copies.known if parents.fallback is not None else None)
        self._state.leases.close(parents.leases.close_at)

    def __enter__(self) -> Self:
        if self._state.fallback is not None:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def session(
        self,
        session_id: str | None = None,
        *,
        session_type: str | None = None,
        wait: float | None = None,
        on_lost: OnLost | None = None,
    ) -> Iterator[Session]:
        """Place a session for the block, and end it afterwards. `session_type`: which classes it may use; None: all.

        Raises a PlacementError at the beginning, SessionLostError at the end if its place was given away and the block
        raised nothing itself. One id, one block at a time.
        """
        session = self._place(session_id, session_type, wait, on_lost)
        try:
            yield session
        finally:
            with self._lock:
                self._state.leases.end(session)
            self._changed.set()
        session.check()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End all sessions, and wait at most so long until slta has confirmed each end. Safe to repeat."""
        with self._lock:
            self._state.leases.close(self._state.clock() + seconds)
        self._changed.set()
        if self._thread is not None:
            self._thread.join()
        if self._http is not None:
            self._http.close()
        self._state.leases.report()

    def _place(
        self, session_id: str | None, session_type: str | None, wait: float | None, on_lost: OnLost | None
    ) -> Session:
        self._start()
        try:
            wanted = self._options.wanted(session_id, wait, on_lost, session_type)
            return self._drive(place(self._state, wanted), time.sleep)
        finally:
            self._changed.set()

    def _start(self) -> None:
        """Start the thread, unless it runs; RuntimeError if the client is closed."""
        with self._lock:
            self._state.leases.check_open()
            if self._http is None or self._thread is None:
                self._http = httpx.Client(**self._options.http())
                self._thread = threading.Thread(target=self._keep, name="slta_client", daemon=True)
                self._thread.start()

    def _keep(self) -> None:
        self._drive(self._state.keep(), self._until_changed)

    def _drive(self, steps: Steps[T], pause: Callable[[float], None]) -> T:
        """Drive a loop: its own code under the lock, I/O without it."""
        try:
            with self._lock:
                step = next(steps)
            while True:
                reply = self._do(step, pause)
                with self._lock:
                    step = steps.send(reply)
        except StopIteration as done:
            value: T = done.value
            return value
        finally:
            with self._lock:
                steps.close()

    def _do(self, step: Step, pause: Callable[[float], None]) -> Reply:
        if isinstance(step, Send):
            return self._send(step)
        if isinstance(step, Lost):
            step.session.tell()
        elif isinstance(step, Save):
            save(step.path, step.copies)
        else:
            pause(step.seconds)
        return NO_REPLY

    def _until_changed(self, seconds: float) -> None:
        """Until a session begins or ends, at most so long."""
        self._changed.wait(None if seconds == inf else seconds)
        self._changed.clear()

    def _send(self, send: Send) -> Reply:
        attempt = Attempt(send.seconds)
        try:
            extensions = attempt.extensions(attempt.noted)
            request = self._options.request(send)
            return reply_of(self._connections().request(**request, extensions=extensions))
        except httpx.HTTPError as error:
            return attempt.failure(error)

    def _connections(self) -> httpx.Client:
        if self._http is None:
            raise RuntimeError("a loop of the parent process goes on in its child")
        return self._http


def _begin_in_child() -> None:
    for client in list(_clients):
        client.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
