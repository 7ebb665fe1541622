"""uvicorn has what the server overrides and uses, and a start with another one fails in words."""

from __future__ import annotations

from typing import Any

import pytest
from uvicorn import Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slta.server.certificates import ListenError
from slta.server.http_limits import LimitedProtocol
from slta.server.protocol import FastPathProtocol
from slta.server.server import Server as DispatcherServer
from slta.server.uvicorn_internals import CYCLE_ATTRIBUTES, METHODS, PROTOCOL_ATTRIBUTES, check_uvicorn
from tests.server.wire import connected, quiet


def test_the_list_has_every_method_that_is_overridden() -> None:
    for base, *subclasses in ((Server, DispatcherServer), (HttpToolsProtocol, LimitedProtocol, FastPathProtocol)):
        own = {name for subclass in subclasses for name in vars(subclass) if not name.startswith("__")}
        assert own & set(dir(base)) <= set(METHODS[base])


async def test_a_connection_and_its_request_have_every_attribute_that_is_used() -> None:
    wire = connected()
    wire.arrive(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n")
    await quiet()
    protocol: Any = wire.protocol
    assert [name for name in PROTOCOL_ATTRIBUTES if not hasattr(protocol, name)] == []
    assert [name for name in CYCLE_ATTRIBUTES if not hasattr(protocol.cycle, name)] == []
    wire.arrive(b"x")
    await quiet()


def test_a_start_with_a_uvicorn_that_would_turn_the_fast_path_off_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    check_uvicorn()
    monkeypatch.delattr(HttpToolsProtocol, "_start_asgi_task")
    with pytest.raises(ListenError, match=r"has no HttpToolsProtocol._start_asgi_task: install the version of"):
        check_uvicorn()
