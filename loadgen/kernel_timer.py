"""A timer of the kernel's own resolution: event loops count in milliseconds, and round up."""

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
    """Calls back once each time it is set; setting it again replaces the moment."""

    def set(self, delay_seconds: float) -> None: ...

    def close(self) -> None: ...


def timer_of(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Timer:
    """The kernel's where there is one (Linux), else the loop's."""
    return KernelTimer(loop, act) if sys.platform == "linux" else LoopTimer(loop, act)


class _Moments(ctypes.Structure):
    """struct itimerspec: how often, and when first; seconds and nanoseconds of each."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


class KernelTimer:
    """timerfd_create(2) as a file that the loop reads. Python itself has it from 3.13 on."""

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
        with suppress(BlockingIOError):  # it was set anew meanwhile
            os.read(self._file, 8)
            self._act()


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class LoopTimer:
    """The event loop's own."""

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
