"""The worker thread: CPU work that would hold the event loop for too long.

There is one thread, and its queue is served in order. Several would take turns with the interpreter's lock, and the
event loop would wait for each of them; with one it waits for 5 ms at most (`sys.getswitchinterval`).
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
    """The result of `work`, which touches nothing that the event loop changes."""
    return await asyncio.get_running_loop().run_in_executor(_thread, partial(work, *args, **options))
