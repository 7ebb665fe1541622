"""A name that does not resolve is named as the cause, and a lookup that was given up leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from slta.store._client.failures import cause_of
from tests.inventory import each

UNKNOWN = "store.invalid"
URLS = (f"redis://{UNKNOWN}:6379", f"rediss://{UNKNOWN}:6379", f"redis+sentinel://{UNKNOWN},{UNKNOWN}:1/main")


class Kinds(Metrics):
    """Kinds of failed calls, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[str] = []

    def error(self, kind: str) -> None:
        self.kinds.append(kind)


async def check(url: str, connect_timeout_seconds: float = 60) -> tuple[list[str], str]:
    """Kinds of failures of a check of the store, and the cause of the last one."""
    observer = Kinds()
    store = Store(StoreSettings(url, connect_timeout_seconds, call_timeout_seconds=60), observer)
    try:
        assert await store.check() == "unavailable"
        return observer.kinds, cause_of(store.last_failure)
    finally:
        await store.close()


async def no_address(*_: object, **__: object) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("url", URLS)
async def test_a_name_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_address)
    kinds, cause = await check(url)
    assert kinds == ["dns"]
    assert cause == f"{UNKNOWN}: Name or service not known"


@pytest.mark.slow
@each("new_loop", (uvloop.new_event_loop, asyncio.new_event_loop))
def test_a_lookup_that_is_given_up_is_reported_at_once(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The loop's exception handler is told of each exception that nobody retrieved."""
    unretrieved: list[dict[str, Any]] = []

    async def give_up() -> tuple[list[str], str]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unretrieved.append(context))
        found = await check(URLS[0], connect_timeout_seconds=1e-6)
        while lookups := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(lookups)
        return found

    with asyncio.Runner(loop_factory=new_loop) as runner:
        kinds, cause = runner.run(give_up())
        gc.collect()
    assert kinds == ["dns"]
    assert cause == f"{UNKNOWN}: the resolver did not reply within 1e-06 s"
    assert unretrieved == []
