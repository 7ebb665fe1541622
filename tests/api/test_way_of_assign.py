"""One assign is followed, from the server's call of the application to the writing of the session's record."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

import httpx
from redis import Redis

from service.access.keys import Access
from service.api.application import build_api
from service.store import Store
from service.store.exchange import exchange
from service.store.library import assemble
from tests.api.served import served
from tests.house import ROOT, WAY

Step = tuple[str, str]
"""File and function."""

SENDS = exchange.__code__
"""Below this, the way goes on in Lua."""
RECORDS = ("service/store/lua/gather.lua", "gather.set")
"""This writes the session's record."""
SERVING = {("service/process/listening.py", "Server.startup")}
"""The server waits there for its end, beside the request."""
LUA_HEADER = re.compile(r"^((?:local )?function ([\w.]+)\(.*\))$", re.MULTILINE)


@contextmanager
def followed_in_python() -> Iterator[set[Step]]:
    """The functions of the service that wait for the first command to the store when it is sent.

    The request waits in one task, the batch that it is part of is sent in another.
    """
    waiting: set[Step] = set()

    def look(frame: FrameType, *_: object) -> None:
        if frame.f_code is SENDS:
            sys.setprofile(None)
            codes = [
                *codes_of_stack(frame.f_back),
                *(code for task in asyncio.all_tasks() for code in codes_of_task(task)),
            ]
            waiting.update(filter(None, map(step_of, codes)))

    sys.setprofile(look)
    try:
        yield waiting
    finally:
        sys.setprofile(None)


def codes_of_stack(frame: FrameType | None) -> Iterator[CodeType]:
    while frame:
        yield frame.f_code
        frame = frame.f_back


def codes_of_task(task: asyncio.Task[object]) -> Iterator[CodeType]:
    coroutine: object = task.get_coro()
    while code := getattr(coroutine, "cr_code", None):
        yield code
        coroutine = getattr(coroutine, "cr_await", None)


def step_of(code: CodeType) -> Step | None:
    inside = code.co_filename.startswith(f"{ROOT}/service/")
    return (code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname.replace(".<locals>", "")) if inside else None


def load_noting_library(redis: Redis) -> str:
    """A library that notes each function it enters; gives the name of the function that tells and forgets them."""
    source, digest = assemble()
    head, *bodies = source.split("\ndo\n")
    modules = [*head.partition("local ")[2].split(", "), "library"]
    noting = [
        LUA_HEADER.sub(rf"\1\n  noted[#noted + 1] = 'service/store/lua/{module}.lua \2'", body)
        for module, body in zip(modules, bodies, strict=True)
    ]
    first, rest = "\ndo\n".join([head, *noting]).split("\n", 1)
    tell = f"redis.register_function('tell_{digest}', function() local told = noted noted = {{}} return told end)"
    redis.function_flush()
    redis.function_load(f"{first}\nlocal noted = {{}}\n{rest}\n{tell}\n")
    return f"tell_{digest}"


def followed_in_lua(redis: Redis, tell: str) -> set[Step]:
    """The functions that were entered since the last time, until the record was written."""
    steps = [(file, name) for file, _, name in (text.decode().partition(" ") for text in redis.fcall(tell, 0))]
    return set(steps[: steps.index(RECORDS) + 1])


async def test_an_assign_goes_the_way_that_the_house_counts(
    api: httpx.AsyncClient, fleet: str, store: Store, redis: Redis
) -> None:
    tell = load_noting_library(redis)
    async with (
        served(build_api(store=store, access=Access.open(), render_metrics=NotImplemented), direct=True) as here,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}") as client,
    ):
        assert (await client.post(f"{fleet}/assign", json={"session_id": "first"})).status_code == 201  # all is open
        redis.fcall(tell, 0)
        with followed_in_python() as in_python:
            assert (await client.post(f"{fleet}/assign", json={"session_id": "second"})).status_code == 201
        in_lua = followed_in_lua(redis, tell)

    way = {(file, name) for file, names in WAY.items() for name in names}
    assert {step for step in way if step[0].endswith(".py")} == in_python - SERVING
    assert {step for step in way if step[0].endswith(".lua")} <= in_lua
