"""Placements of a scripted client whose dispatcher is away."""

from __future__ import annotations

from slta_client.options import Wanted
from slta_client.placing import place
from slta_client.replies import Reply, failed
from slta_client.session import Session
from slta_client.steps import Send
from tests.client.scripted import Scripted, Server, wanted


def put(scripted: Scripted, server: Server, asked: Wanted | None = None) -> Session:
    session = scripted.run(place(scripted.state, asked or wanted()), server)
    assert session is not None
    return session


def silent(scripted: Scripted) -> Server:
    """Every call takes its whole time."""

    def serve(send: Send) -> Reply:
        scripted.now += send.seconds
        return failed("timeout")

    return serve


def opened(scripted: Scripted) -> None:
    """Open the breaker."""
    assert scripted.state.fallback is not None
    for _ in range(5):
        scripted.state.fallback.breaker.failed(None, failed("timeout"), scripted.now)
