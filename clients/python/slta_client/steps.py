"""Steps: what a loop asks of the I/O that drives it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from slta_client.replies import Reply
from slta_client.session import Session


class Send(NamedTuple):
    """POST `body` as JSON to a fleet's call, and come back with the reply within so many seconds."""

    fleet: str
    call: str
    body: Mapping[str, Any]
    seconds: float


class Wait(NamedTuple):
    """Come back after so many seconds; in the loop of leases also when a session begins or ends."""

    seconds: float


class Lost(NamedTuple):
    """Tell the application that the session lost its place."""

    session: Session


T = TypeVar("T")
Steps: TypeAlias = Generator[Send | Wait | Lost, Reply, T]
"""A loop: it yields steps, is sent the reply to each (`NO_REPLY` to other steps), and returns its result."""
