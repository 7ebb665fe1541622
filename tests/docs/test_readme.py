"""The calls of README.md and of docs/get-started.md are answered as they show."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from testbed.in_process import service_in_process
from testbed.servers import running_server
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "README.md")
START = Page(ROOT / "docs/get-started.md")


def pattern(answer: str) -> str:
    """`…` stands for members that are left out."""
    return ".*".join(map(re.escape, answer.split("…")))


@pytest.mark.parametrize(("page", "count"), [(PAGE, 4), (START, 2)], ids=str)
async def test_the_calls_are_answered_as_shown_on_the_fleet_that_it_shows(page: Page, count: int) -> None:
    (fleet,) = (yaml.safe_load(block) for block in page.blocks("yaml"))
    calls = re.findall(r"^\$ curl (.*)\n(.*)$", page.blocks("console")[0], re.MULTILINE)
    with running_server() as url:
        async with service_in_process(url) as service:
            await service.api.put(f"/v1/fleets/{fleet['fleet']}", json=fleet)
            for arguments, answer in calls:
                address, *body = [word for word in shlex.split(arguments) if word != "--json"]
                service.draws.waiting = [0.75]
                response = await service.api.request(
                    "POST" if body else "GET",
                    address.removeprefix("localhost:8080"),
                    content="".join(body),
                    headers={"Content-Type": "application/json"} if body else {},
                )
                assert re.fullmatch(pattern(answer), response.text), response.text
    assert len(calls) == count
