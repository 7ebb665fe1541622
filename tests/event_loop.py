"""The CPU time of each callback of an asyncio event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import thread_time
from typing import Any

from service.process.dispatcher import COLLECTED_AFTER


@dataclass
class Callbacks:
    """The longest callback since the last `reset`: its CPU time in seconds, and what it was."""

    longest: float = 0.0
    what: str = ""

    def ran(self, handle: asyncio.Handle, seconds: float) -> None:
        """Note a callback."""
        if seconds > self.longest:
            self.longest, self.what = seconds, repr(handle)

    def reset(self) -> None:
        """Forget what was noted."""
        self.longest, self.what = 0.0, ""


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
    gc.set_threshold(COLLECTED_AFTER)
    handle_class._run = timed
    try:
        yield callbacks
    finally:
        handle_class._run = run
        gc.set_threshold(*thresholds)
        gc.unfreeze()
