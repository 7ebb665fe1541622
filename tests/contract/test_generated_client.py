"""A client that openapi-python-client makes of the document does what a client must."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from testbed.in_process import TINY, Service, service_in_process
from testbed.servers import running_server
from tests.contract.document import openapi

PACKAGE = "generated_from_openapi"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the client is a package."""
    folder = tmp_path_factory.mktemp("client")
    source = folder / "openapi.json"
    source.write_text(json.dumps(openapi()), encoding="utf-8")
    options = ConfigFile(post_hooks=[])
    config = Config.from_sources(options, MetaType.NONE, source, "utf-8", overwrite=True, output_path=folder / PACKAGE)
    assert generate(config=config) == []
    return folder


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    with running_server() as url:
        async with service_in_process(url) as service:
            (await service.api.put("/v1/fleets/tiny", json=TINY)).raise_for_status()
            yield service


Call = Callable[..., Any]


@pytest.fixture
def call(generated: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`call("sessions.assign", …)`: what the generated function answers."""
    monkeypatch.syspath_prepend(str(generated))
    client = import_module(PACKAGE).Client(base_url="http://localhost").set_async_httpx_client(service.api)

    async def make(name: str, *arguments: object, **options: object) -> Any:
        return await import_module(f"{PACKAGE}.api.{name}").asyncio_detailed(*arguments, client=client, **options)

    return make


def model(name: str, **fields: Any) -> Any:
    return getattr(import_module(f"{PACKAGE}.models"), name)(**fields)


async def test_it_assigns_and_the_same_session_again(call: Call, service: Service) -> None:
    service.draws.waiting = [0.75, 0.0]
    placed = await call("sessions.assign", "tiny", body=model("AssignBody", session_id="s-1"))
    assert (placed.status_code, placed.parsed.pool_id, placed.parsed.replayed) == (201, "large-2", False)
    again = await call("sessions.assign", "tiny", body=model("AssignBody", session_id="s-1"))
    assert (again.status_code, again.parsed.pool_id, again.parsed.replayed) == (200, "large-2", True)


async def test_it_assigns_without_a_body(call: Call, service: Service) -> None:
    service.draws.waiting = [0.75]
    assert (await call("sessions.assign", "tiny")).parsed.pool_id == "large-2"


async def test_it_meets_a_409_with_its_code(call: Call, service: Service) -> None:
    service.draws.waiting = [0.75, 0.0]
    body = model("AssignBody", session_id="s-1")
    await call("sessions.assign", "tiny", body=body)
    await call("sessions.complete", "tiny", body=model("CompleteBody", session_id="s-1"))
    refused = await call("sessions.assign", "tiny", body=body)
    code = import_module(f"{PACKAGE}.models").ProblemCode.SESSION_ENDED
    assert (refused.status_code, refused.parsed.code) == (409, code)
    assert (refused.parsed.pool_id, refused.parsed.reason) == ("large-2", "completed")


async def test_it_tells_the_outcomes_of_many_operations_apart(call: Call, service: Service) -> None:
    service.draws.waiting = [0.75, 0.0]
    session = {"session_id": "s-1"}
    asked = [{"assign": session}, {"complete": session}, {"assign": session}]
    body = import_module(f"{PACKAGE}.models").OperationsBody.from_dict({"operations": asked})
    outcomes = (await call("sessions.operate", "tiny", body=body)).parsed.outcomes
    assert [type(outcome.body).__name__ for outcome in outcomes] == ["Placement", "Completed", "Problem"]


async def test_it_reads_the_metrics_as_text(call: Call, service: Service) -> None:
    assert b"slta_store_up 1.0" in (await call("process.get_metrics")).content


async def test_it_reads_the_endpoints_in_columns_and_learns_that_nothing_changed(call: Call, service: Service) -> None:
    read = await call("pools.list_endpoints", "tiny")
    assert [(one.name, one.pool_ids) for one in read.parsed.classes] == [
        ("small", ["small-1", "small-2"]),
        ("large", ["large-1", "large-2"]),
    ]
    again = await call("pools.list_endpoints", "tiny", if_none_match=read.headers["ETag"])
    assert again.status_code == 304
