"""An offer of HTTP/2 in `Upgrade` is answered as HTTP/1.1, as curl makes it."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.test_http_limits import edge

WRITE = r"%{http_version} %{http_code} %{num_connects}\n"


@pytest.mark.needs("curl")
async def test_an_offer_with_a_body_is_answered_and_the_connection_stays() -> None:
    async with edge() as here:
        one = ["--http2", "--data", "GET /readyz HTTP/1.1\r\n\r\n", "--output", "/dev/null", "--write-out", WRITE]
        url = f"http://localhost:{here.port}/v1/fleets"
        command = ["curl", "--silent", *one, f"{url}/f/assign", "--next", *one, f"{url}/f/pools"]
        curl = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said, _ = await curl.communicate()
    assert said.decode().splitlines() == ["1.1 401 1", "1.1 401 0"]
