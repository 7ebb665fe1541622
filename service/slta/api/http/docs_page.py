"""API reference: /openapi.json, and /docs as an HTML page without scripts or external resources."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute
from slta.api.http.bodies import in_worker
from slta.api.http.openapi import describe
from slta.api.http.responses import PROBLEM_JSON
from slta.api.http.route_options import public

router = APIRouter(route_class=ApiRoute, include_in_schema=False)


@router.get("/openapi.json")
@public()
async def get_openapi_json(request: Request) -> Response:
    """The OpenAPI document."""
    document = await in_worker(describe, request.app)  # the first call takes 80 ms
    return Response(json.dumps(document), media_type="application/json")


STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
details { border: 1px solid #8885; border-radius: .4rem; margin: .4rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; } code, pre { font: .9rem ui-monospace, monospace; }
pre { overflow-x: auto; background: #8881; padding: .6rem; border-radius: .4rem; }
.method { display: inline-block; width: 4.5rem; font-weight: 700; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"


@router.get("/docs")
@public(offers=("text/html",))
async def get_docs(request: Request) -> Response:
    """The API reference as HTML."""
    page = render(await in_worker(describe, request.app))
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": POLICY})


def render(document: dict[str, Any]) -> str:
    """An OpenAPI document as HTML."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sections.setdefault(operation["tags"][0], []).append(_operation(document, path, method, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(entries)}" for tag, entries in sections.items())
    problem = _content(document, {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}})
    title, summary = escape(document["info"]["title"]), escape(document["info"]["summary"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}: API</title>"
        '<meta name=viewport content="width=device-width">'
        f"<style>{STYLE}</style><h1>{title}: API</h1><p>{summary}"
        f"<p>Machine-readable: <a href=/openapi.json>/openapi.json</a>.{body}<h2>errors</h2>{problem}</html>"
    )


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"<p>{escape(operation.get('description', ''))}"]
    for parameter in operation.get("parameters", []):
        about = parameter.get("description", "")
        parts.append(f"<br><code>{escape(parameter['name'])}</code> in {escape(parameter['in'])} {escape(about)}")
    if "requestBody" in operation:
        parts.append("<h4>Body</h4>" + _content(document, operation["requestBody"]["content"]))
    parts += [_response(document, status, response) for status, response in operation["responses"].items()]
    name = f"<code>{escape(path)}</code> {escape(operation['summary'])}"
    head = f"<span class=method>{escape(method.upper())}</span> {name}"
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _response(document: dict[str, Any], status: str, response: dict[str, Any]) -> str:
    """Shape of a response; for an error its codes, as all problem documents have one shape."""
    content = dict(response.get("content", {}))
    codes = f"<p>{escape(response['description'])}" if content.pop(PROBLEM_JSON, None) else ""
    return f"<h4>{escape(status)}</h4>{codes}{_content(document, content)}"


def _content(document: dict[str, Any], content: dict[str, Any]) -> str:
    """Shape of each media type, and its example."""
    parts = [(_shape(document, media.get("schema", {})), media.get("example")) for media in content.values()]
    shown = [json.dumps(one, indent=1, ensure_ascii=False) for part in parts for one in part if one is not None]
    return "".join(f"<pre>{escape(text)}</pre>" for text in shown)


def _shape(document: dict[str, Any], schema: dict[str, Any]) -> object:
    """Shape of a schema: names and types."""
    if "$ref" in schema:
        return _shape(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    one_of = schema.get("anyOf") or schema.get("oneOf")
    if one_of:
        return _alternatives([_shape(document, one) for one in one_of])
    if "const" in schema or "enum" in schema:
        return " | ".join(map(str, schema.get("enum") or [schema["const"]]))
    if schema.get("type") == "array":
        return [_shape(document, schema.get("items", {}))]
    if "properties" in schema:
        return {name: _shape(document, one) for name, one in schema["properties"].items()}
    return schema.get("type", "any")


def _alternatives(shapes: list[object]) -> object:
    if all(isinstance(shape, str) for shape in shapes):
        return " | ".join(map(str, shapes))
    return shapes[0] if len(shapes) == 2 and shapes[1] == "null" else shapes
