"""Tracer of one assign: the files of the service that it enters, in Python and in Lua."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import httpx
from redis import Redis

from slta.api.app import build_api
from slta.auth.keys import Access
from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from slta.store.library import assemble
from testbed.in_process import TINY
from tests.api.conftest import no_metrics
from tests.api.served import served
from tests.docs.pages import ROOT

LUA = {path.stem: str(path.relative_to(ROOT)) for path in (ROOT / "service/slta/store/lua").rglob("*.lua")}
LUA_HEADER = re.compile(r"^((?:local )?function [\w.]+\(.*\))$", re.MULTILINE)


@contextmanager
def traced_in_python() -> Iterator[set[str]]:
    """Files of the service of which a function was called in this thread, other than by tasks that were running before.

    One of those is the server's own, which looks for expired connections ten times a second.
    """
    folder, entered = f"{ROOT}/service/", set[str]()
    others = asyncio.all_tasks() - {asyncio.current_task()}

    def enter(frame: FrameType, event: str, _: object) -> None:
        is_of_service = event == "call" and frame.f_code.co_filename.startswith(folder)
        if is_of_service and asyncio.current_task() not in others:
            entered.add(frame.f_code.co_filename.removeprefix(f"{ROOT}/"))

    sys.setprofile(enter)
    try:
        yield entered
    finally:
        sys.setprofile(None)


def load_tracing_library(redis: Redis) -> str:
    """Load a library that notes the file of each function it enters; the function that returns and clears the notes."""
    source, digest = assemble()
    head, *bodies = source.split("\ndo\n")
    modules = [*head.partition("local ")[2].split(", "), "library"]
    tracing = [
        LUA_HEADER.sub(rf"\1\n  entered['{module}'] = true", body) for module, body in zip(modules, bodies, strict=True)
    ]
    first, rest = "\ndo\n".join([head, *tracing]).split("\n", 1)
    taken = "local names = {} for name in pairs(entered) do names[#names + 1] = name end entered = {} return names"
    take = f"redis.register_function('entered_{digest}', function() {taken} end)"
    redis.function_flush()
    redis.function_load(f"{first}\nlocal entered = {{}}\n{rest}\n{take}\n")
    return f"entered_{digest}"


async def files_of_one_assign(url: str) -> set[str]:
    """Paths of all files of the service that the second assign to a fleet enters; the first one opens what is lazy."""
    metrics = Metrics()
    store = Store(StoreSettings(url), metrics, draw=lambda: 1 / 3)  # not one of those that differences draw
    with Redis.from_url(url) as redis:
        take = load_tracing_library(redis)
        app = build_api(store=store, access=Access.open(), render_metrics=no_metrics)
        async with served(app) as here, httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}") as client:
            await client.put("/v1/fleets/tiny", json=TINY)
            await client.post("/v1/fleets/tiny/assign", json={"session_id": "s-0"})
            redis.fcall(take, 0)
            with traced_in_python() as in_python:
                answer = await client.post("/v1/fleets/tiny/assign", json={"session_id": "s-1"})
            assert answer.status_code == 201
            in_lua = {LUA[name.decode()] for name in redis.fcall(take, 0)}
    await store.close()
    return in_python | in_lua
