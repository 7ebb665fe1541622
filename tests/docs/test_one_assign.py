"""docs/maintainers/one-assign.md links to functions, names each file that an assign enters, and shows real values."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from pathlib import Path

from testbed.in_process import TINY, service_in_process
from testbed.servers import running_server
from tests.docs.assign_trace import files_of_one_assign
from tests.docs.pages import ROOT, Page, rows, words
from tests.inventory import each

PAGE = Page(ROOT / "docs/maintainers/one-assign.md")
STEPS = re.findall(r"\[`([^`]+)`\]\(\.\./\.\./([^)]+\.(?:py|lua))\)", PAGE.prose)


def functions_of(path: Path) -> set[str]:
    """The functions of a file; a method as `Class.method`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lua":
        return set(re.findall(r"^(?:local )?function ([\w.]+)\(", text, re.MULTILINE))
    return {name for node in ast.parse(text).body for name in names_in(node)}


def names_in(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.ClassDef):
        return [node.name, *(f"{node.name}.{name}" for inner in node.body for name in names_in(inner))]
    return []


def test_there_are_ten_steps() -> None:
    assert re.findall(r"^(\d+)\. \*\*", PAGE.prose, re.MULTILINE) == [str(step) for step in range(1, 11)]


@each(("function", "file"), STEPS)
def test_a_function_that_is_linked_is_in_that_file(function: str, file: str) -> None:
    assert function in functions_of(ROOT / file), f"{file} has no {function}"


def test_the_page_names_each_file_that_an_assign_enters_once() -> None:
    with running_server() as url:
        entered = asyncio.run(files_of_one_assign(url))
    named = [file for _, file in STEPS]
    assert sorted(named) == sorted(entered)


async def test_the_bits_before_and_after_and_the_answer_are_those_of_a_service() -> None:
    with running_server() as url:
        async with service_in_process(url) as service:
            await service.api.put("/v1/fleets/tiny", json=TINY)

            def row(key: str) -> str:
                return "".join(str(service.redis.getbit(key, pool)) for pool in range(2))

            def seen() -> list[str]:
                record = service.redis.hget("{tiny}:sessions", "s-1")
                return [row("{tiny}:level:1:1"), row("{tiny}:yellow"), str(record or "")]

            before, cold = seen(), service.redis.hgetall("{tiny}:cold")
            service.draws.waiting = [0.75]
            (body,) = (block.partition("\n")[2] for block in PAGE.blocks("http"))
            answer = await service.api.post("/v1/fleets/tiny/assign", json=json.loads(body))
            told = [["".join(words(cell)) for cell in cells[1:]] for cells in rows(PAGE.text)]
            assert told == [list(pair) for pair in zip(before, seen(), strict=True)]
            assert [answer.json()] == [json.loads(block) for block in PAGE.blocks("json")]
            assert service.redis.hgetall("{tiny}:cold") == cold
