"""Work in groups: in its order, at most so much in one turn of the event loop."""

from __future__ import annotations

import asyncio
from typing import Any

from slta.server.connection_limits import CallbackQueue


async def turns(most: int, count: int) -> list[list[int]]:
    """What is called in each turn of the loop."""
    done: list[list[int]] = [[]]
    groups = CallbackQueue(most)
    for number in range(count):
        groups.add(lambda number=number: done[-1].append(number))  # type: ignore[misc]
    while sum(map(len, done)) < count:
        await asyncio.sleep(0)
        done.append([])
    return [numbers for numbers in done if numbers]


async def test_work_is_done_in_order_and_at_most_so_much_in_a_turn() -> None:
    assert await turns(3, 7) == [[0, 1, 2], [3, 4, 5], [6]]
    assert await turns(3, 3) == [[0, 1, 2]]


async def test_what_comes_later_is_done_too() -> None:
    done: list[str] = []
    groups = CallbackQueue(2)
    groups.add(lambda: groups.add(lambda: done.append("b")))
    groups.add(lambda: done.append("a"))
    for _ in range(3):
        await asyncio.sleep(0)
    groups.add(lambda: done.append("c"))
    await asyncio.sleep(0)
    assert done == ["a", "b", "c"]


async def test_work_that_fails_is_told_and_the_rest_is_done() -> None:
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    done: list[str] = []
    groups = CallbackQueue(10)
    groups.add(lambda: done.append("a"))
    groups.add([].pop)
    groups.add(lambda: done.append("b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == ["a", "b"]
    assert [type(context["exception"]) for context in failed] == [IndexError]
