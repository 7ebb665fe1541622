"""The examples of docs/api.md and of the OpenAPI document: one story of a tiny fleet, played on a real service.

`python -m tests.docs.examples` puts the answers into the page: below each `<!-- example: name -->` stands the
call of that name and what came back. The first body and the first answer of each operation and status go into the
document. Long opaque texts are cut short.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from slta.api.http.openapi import EXAMPLES
from testbed.in_process import TINY, Service, service_in_process
from testbed.servers import running_server
from tests.contract.document import openapi
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs/api.md")
WIDTH = 116
MAX_TEXT = 72
OPENAPI = openapi()
MARKED = re.compile(r"(<!-- example: ([a-z-]+) -->\n```http\n).*?(^```$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Call:
    """A call of the story. Only one with a `name` stands in the page; `draw` decides where an assign goes.

    `path` is below that of the fleet, or `root`.
    """

    name: str
    method: str
    path: str
    body: object = None
    draw: float = 0.0
    seconds_before: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    root: str = "/v1/fleets/tiny"


def _assign(name: str, session_id: str, draw: float, seconds_before: int = 0) -> Call:
    return Call(name, "POST", "/assign", {"session_id": session_id}, draw, seconds_before)


def _of_type(session_id: str, session_type: str) -> dict[str, str]:
    return {"session_id": session_id, "session_type": session_type}


OPERATIONS = [{"assign": {"session_id": "a"}}, {"renew": {"session_id": "s-1"}}, {"complete": {"session_id": "a"}}]
PUT_ADDRESS = {"pool_class": "small", "address": "10.0.0.7:8080", "labels": {"zone": "a"}}
HEARTBEATS = {"heartbeats": [{"pool_id": f"small-{k}", "ttl_seconds": 3600, "count": 2} for k in (1, 9)]}
SCALE = {
    "floor": "70%",
    "hold_seconds": 0,
    "classes": {"small": {"cost": 1, "lead_seconds": 0}, "large": {"cost": 3, "lead_seconds": 0}},
}
REPORT = {"as_of": "1700000000:41000000", "session_ids": ["s-9", "s-50"]}

STORY = (
    Call("put-fleet", "PUT", "", TINY),
    _assign("assign", "s-1", 0.75),
    _assign("", "s-1", 0.0, seconds_before=1),
    *(_assign("", f"s-{k}", 0.0) for k in range(2, 7)),
    Call("", "GET", "/sessions/s-1", seconds_before=9),
    Call("complete", "POST", "/complete", {"session_id": "s-3"}),
    _assign("session-ended", "s-3", 0.0),
    Call("place", "GET", "/place", headers=(("X-Session-Id", "s-1"),)),
    Call("renew", "POST", "/renew", {"session_ids": ["s-1", "s-3", "s-99"]}),
    Call("", "GET", "/state", seconds_before=20),
    Call("", "GET", "/next"),
    Call("", "GET", "/quality"),
    *(_assign("", f"s-{k}", 0.0) for k in range(7, 10)),
    Call("", "GET", "/averages?window=60", seconds_before=11),
    Call("", "POST", "/pools", {"pools": [{"pool_id": "small-3", "pool_class": "small"}]}),
    Call("", "GET", "/pools?limit=2"),
    Call("put-address", "PUT", "/pools/small-3", PUT_ADDRESS),
    Call("", "GET", "/endpoints"),
    Call("", "POST", "/pools/large-1/drain"),
    Call("", "GET", "/events"),
    Call("drain-within", "POST", "/pools/large-1/drain", {"within_seconds": 600, "then": "fail"}),
    Call("", "GET", "/pools/large-1/sessions"),
    Call("pool-sessions", "PUT", "/pools/small-2/sessions", REPORT),
    Call("operations", "POST", "/operations", {"operations": OPERATIONS}),
    Call("", "POST", "/pools/large-1/fail"),
    Call("pool-statuses", "POST", "/pools/status", {"status": "draining", "pool_ids": ["small-1", "small-3"]}),
    Call("", "POST", "/pools/status", {"status": "active", "pool_class": "small"}),
    Call("heartbeats", "POST", "/pools/heartbeats", HEARTBEATS),
    Call("", "POST", "/pools/guard", {"action": "end", "pool_class": "small"}),
    Call("", "PUT", "", TINY | {"policy": "observe"}),
    Call("report", "PUT", "/sessions/v-1", {"pool_id": "small-2"}),
    Call("", "PUT", "", TINY | {"policy": "jlmu", "session_types": {"video": ["large"]}, "scale": SCALE}),
    Call("assign-type", "POST", "/assign", _of_type("t-1", "video")),
    *(Call("", "POST", "/assign", _of_type(f"t-{k}", "video")) for k in range(2, 5)),
    *(Call("", "PUT", "/pools/spare", PUT_ADDRESS) for _ in range(2)),
    Call("", "GET", "/pools/spare"),
    Call("", "POST", "/pools/spare/undrain"),
    *(Call("", "PUT", "/sessions/v-2", {"pool_id": "spare"}) for _ in range(2)),
    Call("", "GET", "/scale", seconds_before=61),
    Call("", "GET", ""),
    Call("", "POST", "/repair", {"set_aside": False}),
    *(Call("", "GET", path, root="") for path in ("/v1/fleets", "/healthz", "/readyz", "/metrics")),
)


async def play() -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """The story on a fresh server: each named call and its answer as the page shows them, and the document's examples.

    These are a body and an answer for each status, by operation.
    """
    shown: dict[str, str] = {}
    examples: dict[str, dict[str, Any]] = {}
    with running_server() as url:
        async with service_in_process(url) as service:
            await service.store.check()  # what `/readyz` tells
            for call in STORY:
                answer = await _make(service, call)
                if call.name:
                    shown[call.name] = _show(call, answer)
                if answer.is_success:
                    found = {"request": call.body, str(answer.status_code): _said(answer)}
                    new = {part: _cut(value) for part, value in found.items() if value is not None}
                    name = _operation(call)
                    examples[name] = new | examples.get(name, {})
    return shown, examples


def _operation(call: Call) -> str:
    """Name of a call's operation: of paths that match, the one with fewest parameters."""
    paths = OPENAPI["paths"]
    path = f"{call.root}{call.path}".partition("?")[0]
    matching = [one for one in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)]
    name: str = paths[min(matching, key=lambda one: one.count("{"))][call.method.lower()]["operationId"]
    return name


def _said(answer: httpx.Response) -> Any:
    """The body; of metrics one family, of an empty answer the service's own headers."""
    if answer.headers.get("content-type") == "application/json":
        return answer.json()
    if answer.content:
        return "".join(re.findall(r"^.*\bslta_sessions\b.*\n", answer.text, re.MULTILINE))
    return {name.title(): value for name, value in answer.headers.items() if name.startswith("x-slta-")}


async def _make(service: Service, call: Call) -> httpx.Response:
    await service.seconds_pass("tiny", call.seconds_before)
    service.draws.waiting = [call.draw] * 3
    headers = {"X-Request-ID": "5f0c2a", **dict(call.headers)}
    return await service.api.request(call.method, f"{call.root}{call.path}", json=call.body, headers=headers)


def _show(call: Call, answer: httpx.Response) -> str:
    request = f"{call.method} /v1/fleets/tiny{call.path}\n{_lines(call.headers)}"
    body = f"{layout(call.body)}\n" if call.body is not None else ""
    own = _lines((name, value) for name, value in answer.headers.multi_items() if name.startswith("x-slta-"))
    said = f"{layout(answer.json())}\n" if answer.content else ""
    return f"{request}{body}\n{answer.status_code}\n{own}{said}"


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name.title()}: {value}\n" for name, value in headers)


def layout(value: Any, indent: int = 0) -> str:
    """JSON in lines of at most WIDTH: on one line what fits, and small members of an object beside each other."""
    text = json.dumps(_cut(value), ensure_ascii=False)
    if indent + len(text) <= WIDTH or not isinstance(value, dict | list):
        return text
    inner = " " * (indent + 2)
    if isinstance(value, list):
        items = [layout(item, indent + 2) for item in value]
        return "[\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + "]"
    lines: list[str] = []
    for name, member in value.items():
        item = f"{json.dumps(name)}: {layout(member, indent + 2)}"
        beside = lines and "\n" not in lines[-1] + item and len(f"{lines[-1]}, {item},") <= WIDTH
        if beside:
            lines[-1] += f", {item}"
        else:
            lines.append(inner + item)
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return f"{value[:16]}…" if isinstance(value, str) and len(value) > MAX_TEXT and " " not in value else value


def filled(text: str, shown: dict[str, str]) -> str:
    """The page with the answers in their places."""
    return MARKED.sub(lambda place: f"{place[1]}{shown[place[2]]}{place[3]}", text)


def main() -> None:
    """Write the page and the document's examples."""
    shown, examples = asyncio.run(play())
    EXAMPLES.write_text(f"{layout(examples)}\n", encoding="utf-8")
    PAGE.path.write_text(filled(PAGE.text, shown), encoding="utf-8")


if __name__ == "__main__":
    main()
