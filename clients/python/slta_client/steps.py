"""Steps: what a loop asks of the I/O that drives it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from slta_client.endpoints import Endpoints
from slta_client.replies import Reply
from slta_client.session import Session


class Send(NamedTuple):
    """POST `body` as JSON to a fleet's call, and come back with the reply within so many seconds.

    Without a body, GET it, if it has another ETag than this. A placement's call may wait for its turn before; all
    together takes at most `patience` seconds.
    """

    fleet: str
    call: str
    body: Mapping[str, Any] | None
    seconds: float
    etag: str | None = None
    patience: float = inf


class Wait(NamedTuple):
    """Come back after so many seconds; in the loop of leases also when a session begins or ends."""

    seconds: float


class Lost(NamedTuple):
    """Tell the application that the session lost its place."""

    session: Session


class Save(NamedTuple):
    """Write these endpoints to a file."""

    path: Path
    copies: Sequence[Endpoints]


T = TypeVar("T")
Step: TypeAlias = Send | Wait | Lost | Save
Steps: TypeAlias = Generator[Step, Reply, T]
"""A loop: it yields steps, is sent the reply to each (`NO_REPLY` to other steps), and returns its result."""
