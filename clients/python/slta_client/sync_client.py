"""Client for threads: one thread with an event loop places, renews and ends all sessions. It survives a fork."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import ParamSpec, Self, TypeVar, TypeVarTuple
from weakref import WeakSet

from slta_client import metrics
from slta_client.base_client import CLOSE_SECONDS, BaseClient
from slta_client.endpoints import Endpoints
from slta_client.session import Session, Wanted

EXIT_SECONDS = 1.0
"""Of the interpreter's exit, for all clients that are not closed."""
P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_clients: WeakSet[Client] = WeakSet()


class Client(BaseClient[AbstractContextManager[Session]]):
    """Client of one dispatcher, or of several behind one address. Threads may share it.

    After a fork, the child's copy begins without sessions, with connections and a thread of its own: what the parent
    placed stays the parent's. At the exit of the process, what is left is ended, for at most a second.
    """

    _is_closed = False

    def _begin(self, inherited: Mapping[str, Endpoints] | None = None) -> None:
        super()._begin(inherited)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        _clients.add(self)

    def begin_in_child(self) -> None:
        """Begin without sessions, connections and thread. Nothing of the parent is closed or waited for."""
        self._begin(self._engine.fallback.known)

    def __enter__(self) -> Self:
        if self._engine.fallback.is_on:
            with self._lock:
                self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _block(self, wanted: Wanted) -> Iterator[Session]:
        session = self._place_in_loop(wanted)
        try:
            yield session
        finally:
            self._soon(self._end, session)
        session.check()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End all sessions, and wait at most so long until slta has confirmed each end. Safe to repeat."""
        self.begin_to_close(seconds)
        self.join()
        self._engine.leases.report()

    def begin_to_close(self, seconds: float) -> None:
        """Place nothing more, and end all sessions within so many seconds."""
        if self._lock.acquire(timeout=seconds):
            self._is_closed = True
            self._lock.release()
        self._soon(self._close, seconds)

    def join(self, seconds: float | None = None) -> None:
        """Wait until it is closed, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _place_in_loop(self, wanted: Wanted) -> Session:
        placed: list[Session] = []

        async def place() -> None:
            placed.append(await self._place(wanted))

        with self._lock:  # what is handed over before the closing is over before the loop ends
            loop = self._start()
            done = asyncio.run_coroutine_threadsafe(place(), loop)
        try:
            done.result()
        except CancelledError:
            raise RuntimeError("the client is closed") from None
        except BaseException:  # an interrupt of this thread, too
            done.cancel()
            self._soon(self._end_all, placed)
            raise
        return placed[0]

    def _end_all(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            self._end(session)

    def _start(self) -> asyncio.AbstractEventLoop:
        """Start the thread, unless it runs; RuntimeError if it has ended, as that of a closed client."""
        if self._is_closed or (self._thread is not None and not self._thread.is_alive()):
            raise RuntimeError("the client is closed")
        if self._loop is None:
            self._loop = _Loop()
            self._thread = threading.Thread(target=self._run_loop, args=(self._loop,), name="slta_client", daemon=True)
            self._thread.start()
        return self._loop

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._run())

    def _soon(self, call: Callable[P, object], *args: P.args, **_: P.kwargs) -> None:
        """Call it in the loop; never, if the loop has ended or the process is another one. It takes no lock."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, *args)


class _Loop(asyncio.SelectorEventLoop):
    """Event loop of the thread, also while the interpreter exits."""

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call it in another thread; here, when no thread can be started any more."""
        try:
            return super().run_in_executor(executor, func, *args)
        except RuntimeError:
            done: asyncio.Future[T] = self.create_future()
            try:
                done.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - handed over, whatever it is
                done.set_exception(error)
            return done


def _begin_in_child() -> None:
    metrics.forget()
    for client in list(_clients):
        client.begin_in_child()


def _close_all() -> None:
    """Close all clients at the exit of the process. Those of a parent have no sessions here."""
    until = time.monotonic() + EXIT_SECONDS
    clients = list(_clients)
    for client in clients:
        client.begin_to_close(max(until - time.monotonic(), 0.0))
    for client in clients:
        client.join(max(until - time.monotonic(), 0.0))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
atexit.register(_close_all)
