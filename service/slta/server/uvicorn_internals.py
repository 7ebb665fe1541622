"""uvicorn internals: undocumented attributes that this package overrides or uses, checked at start.

With a uvicorn that lacks one of them, the fast path or a limit would be silently off.
"""

from __future__ import annotations

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slta.server.certificates import ListenError

METHODS: dict[type, tuple[str, ...]] = {
    uvicorn.Server: ("capture_signals", "on_tick", "startup"),
    HttpToolsProtocol: (
        *("_start_asgi_task", "connection_lost", "connection_made", "data_received", "eof_received", "on_body"),
        *("on_header", "on_headers_complete", "on_message_complete", "on_response_complete", "pause_writing"),
        "resume_writing",
    ),
    FlowControl: ("pause_reading", "resume_reading"),
}
"""Methods that are overridden or called."""
PROTOCOL_ATTRIBUTES = (
    *("client", "config", "cycle", "flow", "headers", "loop", "parser", "scheme", "scope", "server_state", "tasks"),
    *("transport", "url"),
)
CYCLE_ATTRIBUTES = (
    *("body", "default_headers", "disconnected", "keep_alive", "message_event", "more_body", "response_complete"),
    *("response_started", "scope", "transport", "waiting_for_100_continue"),
)
"""Attributes of instances, which a test checks on a real connection."""


def check_uvicorn() -> None:
    """Raise ListenError if the installed uvicorn lacks a method."""
    pairs = [(owner, name) for owner, names in METHODS.items() for name in names]
    missing = [f"{owner.__name__}.{name}" for owner, name in pairs if not hasattr(owner, name)]
    if missing:
        raise ListenError(
            f"uvicorn {uvicorn.__version__} has no {', '.join(missing)}: install the version of requirements.txt"
        )
