"""The OpenAPI document is valid, and says of each call what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from slta.api.http.openapi import ERRORS, MEANINGS
from slta.models import errors
from tests.contract.document import openapi

Operation = dict[str, Any]
Parts = Callable[[Any], Iterable[Any]]
VALUES = (
    *("type", "format", "enum", "const", "pattern", "default", "title", "description", "$ref", "required"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "maxProperties"),
    *("discriminator", "examples", "deprecated", "readOnly", "writeOnly"),
)
KEYWORDS: dict[str, Parts] = {
    **dict.fromkeys(VALUES, lambda _: ()),
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), lambda value: value),
    **dict.fromkeys(("items", "additionalProperties", "propertyNames", "not"), lambda value: [value]),
    "properties": lambda value: value.values(),
}
"""Keywords of a schema in OpenAPI 3.1, and the schemas in the value of each."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


@pytest.fixture
def by_name(document: dict[str, Any]) -> dict[str, Operation]:
    return {operation["operationId"]: operation for _, _, operation in operations(document)}


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_a_decimal_is_a_number_with_its_default_and_bounds(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    reserve, resource = schemas["FleetBody"]["properties"]["reserve"], schemas["LogShare"]["properties"]["resource"]
    assert reserve == {"type": "number", "title": "Reserve", "default": 0.5, "minimum": 0, "maximum": 100}
    assert resource == {"type": "number", "title": "Resource", "exclusiveMinimum": 0}


def schemas_in(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema of a part of the document, and its place."""
    for name, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if name == "schema" or place == "/components/schemas":
            yield from with_parts(child, f"{place}/{name}")
        else:
            yield from schemas_in(child, f"{place}/{name}")


def with_parts(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and the schemas in it."""
    yield place, schema
    for keyword in schema.keys() & KEYWORDS.keys():
        for part in KEYWORDS[keyword](schema[keyword]):
            if isinstance(part, dict):
                yield from with_parts(part, f"{place}/{keyword}")


def test_a_schema_has_only_json_schema_keywords_and_no_default_that_stops_generators(document: dict[str, Any]) -> None:
    """Such are objects, and values of one of several types."""
    seen = list(schemas_in(document, ""))
    unknown = [f"{place}: {keyword}" for place, schema in seen for keyword in schema.keys() - KEYWORDS.keys()]
    refused = [place for place, schema in seen if isinstance(schema.get("default"), dict)]
    refused += [place for place, schema in seen if schema.keys() >= {"oneOf", "default"}]
    assert (unknown, refused) == ([], [])
    assert {"/components/schemas/AssignBody", "/components/schemas/FleetBody/properties"} <= {
        place for place, _ in seen
    }


def test_an_operation_is_called_as_its_function(document: dict[str, Any], by_name: dict[str, Operation]) -> None:
    assert len(by_name) == len(list(operations(document)))
    assert [name for name in by_name if not name.isidentifier()] == []
    assert {"assign", "complete", "renew", "operate", "get_averages", "put_pool_sessions"} < by_name.keys()


def test_an_operation_has_a_sentence_as_its_summary_and_a_description_beside_it(by_name: dict[str, Operation]) -> None:
    wanted = {"summary": r"[A-Z][^.]{9,69}[.]", "description": r"(?!Scope)[A-Z0-9`].{30,}[.]\s*(Scope: .*)?"}
    wrong = [
        (name, part)
        for name, operation in by_name.items()
        for part, pattern in wanted.items()
        if not re.fullmatch(pattern, operation.get(part, ""), re.DOTALL)
    ]
    assert wrong == []


def test_each_body_and_each_answer_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    missing = []
    for _, _, operation in operations(document):
        succeeded = [answer for status, answer in operation["responses"].items() if status in ("200", "201")]
        for part in [operation.get("requestBody", {}), *succeeded]:
            described = [*part.get("content", {}).values(), *part.get("headers", {}).values()]
            found = [one for one in described if "example" in one]
            for one in found:
                schema = one["schema"] | {"components": document["components"]}
                Draft202012Validator(schema).validate(one["example"])
            if part and not found:
                missing.append(operation["operationId"])
    assert missing == []


def test_codes_are_an_enumeration(document: dict[str, Any]) -> None:
    problem = document["components"]["schemas"]["Problem"]
    assert problem["properties"]["code"]["enum"] == sorted(MEANINGS)
    assert {"session_ended", "no_capacity", "overloaded", "dispatcher_unavailable"} < MEANINGS.keys()
    outcome_unknown = document["x-slta-codes"]["outcome_unknown"]
    assert outcome_unknown.pop("means") == errors.OutcomeUnknownError.__doc__
    assert outcome_unknown == {"status": 503, "applied": "perhaps", "again": "at_once"}


def test_a_problem_declares_each_value_that_the_store_returns_with_an_error(document: dict[str, Any]) -> None:
    declared = document["components"]["schemas"]["Problem"]["properties"]
    assert {fact for error in ERRORS for fact in error.facts} - set(declared) == set()


@pytest.mark.parametrize(
    ("call", "status", "codes"),
    [
        ("assign", "409", {"session_ended"}),
        ("assign", "429", {"no_capacity", "no_active_pool", "low_priority", "rate_limited"}),
        ("assign", "503", {"overloaded", "outcome_unknown", "store_unavailable"}),
        ("complete", "404", {"unknown_fleet", "unknown_session"}),
        ("put_fleet", "409", {"capacity_below_occupancy", "class_in_use", "pool_in_other_class", "pool_limit"}),
        ("put_fleet", "422", {"invalid_request", "invalid_fleet"}),
        ("get_averages", "409", {"utilities_changed"}),
    ],
)
def test_a_call_says_what_refuses_it(by_name: dict[str, Operation], call: str, status: str, codes: set[str]) -> None:
    assert codes <= set(by_name[call]["responses"][status]["description"].split(" or "))


def test_a_call_does_not_say_what_it_is_never_refused_for(by_name: dict[str, Operation]) -> None:
    assert "409" not in by_name["complete"]["responses"]
    assert "outcome_unknown" not in by_name["get_pool"]["responses"]["503"]["description"]
    assert "store_unavailable" not in by_name["get_healthz"]["responses"]["503"]["description"]


def test_what_may_pass_says_when_to_ask_again(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert ("Retry-After" in answer.get("headers", {})) == (status in ("429", "503"))


def test_a_body_that_may_be_absent_says_so(by_name: dict[str, Operation]) -> None:
    needed = {name: o["requestBody"]["required"] for name, o in by_name.items() if "requestBody" in o}
    assert {name for name, is_needed in needed.items() if not is_needed} == {"assign", "drain_pool", "repair"}
    assert {"complete", "put_fleet", "put_pool", "put_pool_sessions"} < needed.keys()
    assert "requestBody" not in by_name["undrain_pool"]


def test_metrics_are_text(by_name: dict[str, Operation]) -> None:
    content = by_name["get_metrics"]["responses"]["200"]["content"]
    assert content.keys() == {"text/plain", "application/openmetrics-text"}
    assert [name for name, media in content.items() if media["schema"] != {"type": "string"}] == []


def test_a_fleet_s_answers_have_an_etag(by_name: dict[str, Operation]) -> None:
    assert "ETag" in by_name["get_fleet"]["responses"]["200"]["headers"]
    assert "ETag" in by_name["put_fleet"]["responses"]["201"]["headers"]


def test_a_call_names_its_key_scope_body_and_problems(document: dict[str, Any], by_name: dict[str, Operation]) -> None:
    assign = by_name["assign"]
    assert (assign["security"], "security" in by_name["get_healthz"]) == ([{"key": []}], False)
    assert "Scope: assign." in assign["description"]
    assert "application/problem+json" in assign["responses"]["default"]["content"]
    assert {"201", "200"} <= assign["responses"].keys()
    body = assign["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = document["components"]["schemas"][body]["properties"].keys()
    assert fields == {"session_id", "session_type", "priority", "lease_seconds", "touch", "labels"}
