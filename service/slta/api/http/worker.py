"""The worker thread: CPU-bound work that would block the event loop.

There is a single thread, with a FIFO queue. Several would compete for the GIL, and the event loop would wait for each
of them; with one it waits at most 5 ms (`sys.getswitchinterval`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_thread = ThreadPoolExecutor(1, "worker")


async def in_worker(work: Callable[Arguments, Result], *args: Arguments.args, **options: Arguments.kwargs) -> Result:
    """Run `work` in the thread; it must not share mutable state with the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_thread, partial(work, *args, **options))
