"""Endpoints and their objects from the OpenAPI document, and the fields of a fleet file."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from slta.fleet_file.schema import FleetFile
from slta.parsing import NAME_PATTERN
from tests.contract.document import openapi
from tests.reference.markdown import attribute_docs, paragraph, prose, table

WIDTH = 116
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "maxLength": "characters ≤", "maxItems": "entries ≤"}
PAGING = {"cursor", "limit"}
"""Parameters of lists, which the guide describes."""
MAX_WORDS = 12
"""An enumeration of more is not listed."""
OF_FLEET_FILE = {"FleetBody", *FleetFile.model_json_schema()["$defs"]}
"""Objects of the fleet file, which has its own page."""

Schema = Mapping[str, Any]


def fields(kind: type[BaseModel]) -> str:
    """Fields of a part of a fleet file."""
    schema, docs = kind.model_json_schema(), attribute_docs(kind)
    rows = (_field(name, one, schema, docs) for name, one in schema["properties"].items())
    return table("field | type | default | meaning", rows)


def _field(name: str, one: Schema, schema: Schema, docs: Mapping[str, str]) -> tuple[str, ...]:
    default = "required" if name in schema["required"] else f"`{stated(one)}`" if stated(one) else ""
    return f"`{name}`", f"`{type_of(one)}`", default, docs[name]


def kinds(union: Any) -> str:
    """Alternatives of a part that has a `kind`: their members and what they are."""
    (*alternatives,) = get_args(get_args(union)[0])
    return table("`kind` | members | meaning", map(_alternative, alternatives))


def _alternative(kind: type[BaseModel]) -> tuple[str, ...]:
    (name, *members) = kind.model_json_schema()["properties"].items()
    types = ", ".join(f"`{member}: {type_of(one)}`" for member, one in members)
    return f"`{name[1]['const']}`", types, inspect.cleandoc(kind.__doc__ or "")


def endpoints() -> str:
    """The codes that most calls share, and a section for each call: what it does, takes and returns."""
    calls = list(_calls())
    counts = Counter(code for *_, call in calls for code in _codes(call))
    shared = {code for code, count in counts.items() if count > len(calls) / 2}
    sections = [_section(f"{method} {path}", call, shared) for method, path, call in calls]
    return "\n\n".join(["```text\n" + _wrapped(" ".join(sorted(shared))) + "\n```", *sections])


def objects() -> str:
    """A section for each object of bodies and answers: its description and its members."""
    known = openapi()["components"]["schemas"]
    return "\n\n".join(part for name in sorted(known.keys() - OF_FLEET_FILE) for part in _object(name, known[name]))


def type_of(schema: Schema) -> str:
    """A schema as a type, with its bounds."""
    if "discriminator" in schema:
        return "{kind, …}"
    for kind in ("anyOf", "oneOf"):
        if kind in schema:
            return " | ".join(dict.fromkeys(map(type_of, schema[kind])))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    words = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if words and len(words) < MAX_WORDS:
        return " | ".join(json.dumps(word) for word in words)
    bounds = ", ".join(f"{sign} {schema[name]:.12g}" for name, sign in BOUNDS.items() if name in schema)
    return _plain(schema) + (f" ({bounds})" if bounds else "")


def _plain(schema: Schema) -> str:
    if schema.get("type") == "array":
        item = type_of(schema.get("items", {}))
        return f"({item})[]" if " " in item else f"{item}[]"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{{[name]: {type_of(schema['additionalProperties'])}}}"
    return "name" if schema.get("pattern") == NAME_PATTERN else str(schema.get("type", "any"))


def stated(schema: Schema) -> str:
    """The default of a member that may be absent; '' for none and null."""
    return json.dumps(schema["default"]) if schema.get("default") is not None and "const" not in schema else ""


def _object(name: str, schema: Schema) -> Iterator[str]:
    required, members = schema.get("required", ()), schema["properties"].items()
    yield f"### {name}"
    yield prose(schema["description"])
    if own := [f"- `{member}`: {one['description']}." for member, one in members if "description" in one]:
        yield "\n".join(own)
    types = (
        f"{member}{'' if member in required else '?'}: {type_of(one)}" + (f" = {stated(one)}" if stated(one) else "")
        for member, one in members
    )
    yield "```ts\n" + _wrapped(f"{{{', '.join(types)}}}") + "\n```"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def _calls() -> Iterator[tuple[str, str, Schema]]:
    for path, methods in openapi()["paths"].items():
        for method, call in methods.items():
            yield method.upper(), path, call


def _codes(call: Schema) -> Mapping[str, str]:
    """Status by code, without the answers of a proxy."""
    failed = {status: one for status, one in call["responses"].items() if status.isdigit() and status >= "400"}
    return {code: status for status, one in failed.items() for code in one["description"].split(" or ")}


def _section(name: str, call: Schema, shared: Container[str]) -> str:
    text, _, scopes = f"{call['summary']} {call['description']}".partition("\n\nScope: ")
    lines = [*_taken(call), *_returned(call), *_refused(call, shared)]
    lines += [f"scope {scopes.rstrip('.')}"] if scopes else []
    return f"### `{name}`\n\n{paragraph(text)}\n\n```text\n" + "\n".join(map(_wrapped, lines)) + "\n```"


def _taken(call: Schema) -> Iterator[str]:
    for one in call.get("parameters", ()):
        if one["in"] != "path":
            said = f"  // {one['description']}" if "description" in one and one["name"] not in PAGING else ""
            yield f"{one['in']} {one['name']}: {type_of(one['schema'])}{said}"
    for media in call.get("requestBody", {}).get("content", {}).values():
        yield f"body {type_of(media['schema'])} ({call['requestBody']['description']})"


def _returned(call: Schema) -> Iterator[str]:
    answers: dict[str, list[str]] = {}
    for status, one in call["responses"].items():
        if status.isdigit() and status < "400":
            kinds = dict.fromkeys(type_of(media["schema"]) for media in one.get("content", {}).values())
            answers.setdefault(" ".join([*kinds, *one.get("headers", ())]), []).append(status)
    for answer, statuses in answers.items():
        yield f"{', '.join(sorted(statuses))} {answer}".rstrip()


def _refused(call: Schema, shared: Container[str]) -> Iterator[str]:
    by_status: dict[str, list[str]] = {}
    for code, status in _codes(call).items():
        if code not in shared:
            by_status.setdefault(status, []).append(code)
    for status, codes in sorted(by_status.items()):
        yield f"{status} {', '.join(sorted(codes))}"
