"""Relay between clients and a dispatcher that records every request and injects faults."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from testbed.relay import CutError, Link, Relay

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
STATUS = re.compile(rb"^HTTP/1.1 (\d+)")


@dataclass(frozen=True)
class Request:
    """One request to the API; `operations` as (kind, session id), one for a single call."""

    call: str
    operations: tuple[tuple[str, str], ...]
    is_reused: bool
    """True if its connection has served a request before."""


@dataclass(frozen=True)
class Cut:
    """Fault: so many bytes of the reply arrive, then the connection ends."""

    after: int


@dataclass(frozen=True)
class Unsent:
    """Fault: the connection ends, and the dispatcher has seen nothing."""


@dataclass(frozen=True)
class Silence:
    """Fault: no reply comes; `applied`: though the dispatcher has seen the request."""

    applied: bool


@dataclass(frozen=True)
class Answer:
    """Fault: somebody else answers."""

    status: int
    code: str
    retry_after: int | None = None
    close: bool = False
    """True for `Connection: close`; the connection stays open all the same."""


@dataclass(frozen=True)
class Late:
    """Fault: the connection ends, and the dispatcher sees the request `seconds` later; None: at `Gate.arrived`."""

    seconds: float | None = None


Fault = Cut | Unsent | Silence | Answer | Late
Chooser = Callable[[Request], Fault | None]


class Gate(Relay):
    """A relay of HTTP requests."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._port = port
        self.rule = self._treat
        self.choose: Chooser = lambda _: None
        """The fault of a request."""
        self.requests: list[Request] = []
        self.replies: list[tuple[Request, int]] = []
        """Requests with the status that the dispatcher answered."""
        self._late: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, kind: str) -> list[str]:
        """Session ids of all operations of a kind, in order."""
        return [name for request in self.requests for found, name in request.operations if found == kind]

    async def close_idle(self) -> None:
        """Close every connection, as a dispatcher does that stops."""
        for link in list(self.links):
            link.close()

    async def stop(self) -> None:
        await self.arrived()
        await super().stop()

    async def arrived(self) -> None:
        """Let the late ones go on, until they have arrived."""
        self._released.set()
        await asyncio.gather(*self._late)

    async def _treat(self, link: Link, data: bytes, from_client: bool) -> bytes:
        if not from_client:
            return self._reply(link, data)
        held = link.notes.setdefault("held", bytearray())
        held += data
        length = LENGTH.search(held)
        if b"\r\n\r\n" not in held or (length and len(held) < held.index(b"\r\n\r\n") + 4 + int(length[1])):
            return b""
        whole = bytes(held)
        held.clear()
        return self._pass(link, whole)

    def _pass(self, link: Link, whole: bytes) -> bytes:
        request = parse(whole, is_reused="served" in link.notes)
        link.notes.update(served=True, request=request, fault=None)
        self.requests.append(request)
        fault = self.choose(request)
        match fault:
            case Unsent():
                raise CutError
            case Late(seconds):
                task = asyncio.create_task(self._send_later(whole, seconds))
                self._late.add(task)
                raise CutError
            case Answer():
                link.client.write(written(fault))
                return b""
            case Silence(applied=False):
                return b""
        link.notes["fault"] = fault
        return whole

    def _reply(self, link: Link, data: bytes) -> bytes:
        request: Request | None = link.notes.get("request")
        if request is not None:
            status = STATUS.match(data)
            self.replies.append((request, int(status[1]) if status else 0))
        match link.notes.get("fault"):
            case Cut(after):
                raise CutError(data[:after])
            case Silence():
                return b""
        return data

    async def _send_later(self, whole: bytes, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), seconds)
        with suppress(OSError, asyncio.IncompleteReadError):  # the dispatcher is away: lost for good
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            with closing(writer):
                writer.write(whole)
                await reader.readuntil(b"\r\n\r\n")


def parse(whole: bytes, *, is_reused: bool) -> Request:
    head, _, content = whole.partition(b"\r\n\r\n")
    call = head.split(b" ", 2)[1].decode().rpartition("/")[2]
    body: dict[str, Any] = json.loads(content) if content else {}
    operations = body["operations"] if call == "operations" else [{call: body}]
    found = tuple((kind, str(fields.get("session_id"))) for one in operations for kind, fields in one.items())
    return Request(call, found, is_reused)


def written(answer: Answer) -> bytes:
    body = json.dumps({"code": answer.code, "status": answer.status}).encode()
    wait = f"Retry-After: {answer.retry_after}\r\n" if answer.retry_after is not None else ""
    wait += "Connection: close\r\n" if answer.close else ""
    head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/problem+json\r\n{wait}Content-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body
