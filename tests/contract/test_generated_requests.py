"""Requests that schemathesis makes of the document, good and bad ones, get answers that the document declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from testbed.in_process import TINY
from testbed.service_process import ServiceProcess
from tests.contract.document import openapi

CHECKS = [
    *(status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance),
    negative_data_rejection,
]
REQUESTS_A_CALL = 15


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service whose data are thrown away."""
    with ServiceProcess(tmp_path_factory.mktemp("service")) as process:
        yield process


def wanted(document: dict[str, Any]) -> dict[str, Any]:
    """Without what a proxy may answer, and without the answer to a defect."""
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["responses"]["default"]
            operation["responses"].pop("500", None)  # the placement route has 503 for a defect too
    return document


SCHEMA: Any = schemathesis.openapi.from_dict(wanted(openapi()))
FOUND = [found.ok() for found in SCHEMA.get_all_operations()]
OPERATIONS = {operation.definition.raw["operationId"]: operation for operation in FOUND}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_is_one_that_the_document_declares(service: ServiceProcess, name: str) -> None:
    operation = OPERATIONS[name]

    @settings(
        max_examples=REQUESTS_A_CALL,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        if "fleet" in case.path_parameters:
            case.path_parameters["fleet"] = "tiny"
        case.call_and_validate(base_url=service.url, checks=CHECKS)

    service.call("PUT", "/v1/fleets/tiny", TINY)
    ask()
