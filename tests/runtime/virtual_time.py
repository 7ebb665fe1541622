"""Event loops whose time stands still while something runs, and jumps to what is due next when nothing does."""

from __future__ import annotations

import asyncio
from typing import Any

LATE_SECONDS = 0.05


class VirtualTime(asyncio.SelectorEventLoop):
    """Timers fire a microsecond after they are due, none before it: two tasks that wake too early wait for ever."""

    late = 1e-6
    _clock_resolution = property(lambda _: 0.0, lambda *_: None)
    _now = 0.0
    _ready: Any
    _scheduled: Any

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now = max(self._now, self._scheduled[0].when() + self.late)
        super()._run_once()  # type: ignore[misc] # it has no public name


class LateTime(VirtualTime):
    """They fire late, as where others have the processors."""

    late = LATE_SECONDS
