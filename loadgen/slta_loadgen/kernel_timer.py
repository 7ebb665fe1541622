"""Timer with the kernel's resolution (timerfd); event loops round up to milliseconds."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

_CLOCK_MONOTONIC = 1
_SHORTEST_SECONDS = 1e-6  # 0 would disarm it


class Timer(Protocol):
    """One-shot timer; setting it again replaces the moment."""

    def set(self, delay_seconds: float) -> None: ...

    def close(self) -> None: ...


def timer_of(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Timer:
    """A kernel timer on Linux, else the event loop's."""
    return KernelTimer(loop, act) if sys.platform == "linux" else LoopTimer(loop, act)


class _Moments(ctypes.Structure):
    """struct itimerspec: interval, then first expiry; seconds and nanoseconds each."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


class KernelTimer:
    """timerfd_create(2) as a file descriptor in the event loop. Python's own API needs 3.13."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        self._loop = loop
        self._act = act
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = _checked(self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        loop.add_reader(self._file, self._fire)

    def set(self, delay_seconds: float) -> None:
        seconds, nanoseconds = divmod(int(max(delay_seconds, _SHORTEST_SECONDS) * 1e9), 1_000_000_000)
        moments = _Moments(0, 0, seconds, nanoseconds)
        _checked(self._libc.timerfd_settime(self._file, 0, ctypes.byref(moments), None))

    def close(self) -> None:
        self._loop.remove_reader(self._file)
        os.close(self._file)

    def _fire(self) -> None:
        with suppress(BlockingIOError):  # re-armed in the meantime
            os.read(self._file, 8)
            self._act()


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class LoopTimer:
    """Timer of the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        self._loop = loop
        self._act = act
        self._handle: asyncio.TimerHandle | None = None

    def set(self, delay_seconds: float) -> None:
        self.close()
        self._handle = self._loop.call_later(max(delay_seconds, 0.0), self._act)

    def close(self) -> None:
        if self._handle:
            self._handle.cancel()
