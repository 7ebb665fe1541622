"""The CPU time of each callback of an asyncio event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import thread_time
from typing import Any, TypeVar

from slta.runtime.bootstrap import GC_THRESHOLD

Result = TypeVar("Result")


@dataclass
class Callbacks:
    """The longest callback since the last `reset`: its CPU time in seconds, and what it was; `total` is of all of them.

    `work` is the CPU time of the longest work that the event loop gave to a `MeasuredThread`.
    """

    longest: float = 0.0
    what: str = ""
    work: float = 0.0
    total: float = 0.0

    def ran(self, handle: asyncio.Handle, seconds: float) -> None:
        """Note a callback."""
        self.total += seconds
        if seconds > self.longest:
            self.longest, self.what = seconds, repr(handle)

    def reset(self) -> None:
        """Forget what was noted."""
        self.longest, self.what, self.work, self.total = 0.0, "", 0.0, 0.0


class MeasuredThread(ThreadPoolExecutor):
    """One thread, whose work is measured as callbacks are."""

    def __init__(self, callbacks: Callbacks) -> None:
        super().__init__(1)
        self._callbacks = callbacks

    def submit(self, work: Callable[..., Result], /, *args: Any, **options: Any) -> Future[Result]:
        def timed() -> Result:
            began = thread_time()
            try:
                return work(*args, **options)
            finally:
                self._callbacks.work = max(self._callbacks.work, thread_time() - began)

        return super().submit(timed)


@contextmanager
def measured_callbacks() -> Iterator[Callbacks]:
    """Measure every callback of the running loop by its thread's CPU clock, and collect garbage as a dispatcher does.

    Waiting, for a socket, another process or another thread, takes no CPU time.
    """
    handle_class: Any = asyncio.Handle
    loop, callbacks, run = asyncio.get_running_loop(), Callbacks(), handle_class._run

    def timed(handle: Any) -> None:
        began = thread_time()
        run(handle)
        if handle._loop is loop:
            callbacks.ran(handle, thread_time() - began)

    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    handle_class._run = timed
    try:
        yield callbacks
    finally:
        handle_class._run = run
        gc.set_threshold(*thresholds)
