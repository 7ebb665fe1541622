"""Errors that a session raises: at its placement, or at the end of its block."""

from __future__ import annotations


class PlacementError(Exception):
    """The session was not placed. `code` is of the last reply (docs/client-protocol.md), from `fleet`."""

    def __init__(self, code: str, detail: str, *, fleet: str, session_id: str, reason: str | None = None) -> None:
        """`detail` is for people; `reason` comes with `session_ended`."""
        super().__init__(f"{fleet}: {detail} ({code})" if detail else f"{fleet}: {code}")
        self.code = code
        self.fleet = fleet
        self.session_id = session_id
        self.reason = reason


class NoCapacityError(PlacementError):
    """Every active pool is full, or none is active. `wait` waits for a place instead."""


class SessionEndedError(PlacementError):
    """The id's session has ended, for `reason`. A new session needs a new id."""


class RefusedError(PlacementError):
    """The request is wrong: key, fleet or id. Repeating it unchanged does not help."""


class UnavailableError(PlacementError):
    """The deadline or the retry budget was used up before a definite answer.

    If the session was placed all the same, the client ends it.
    """


class SessionLostError(Exception):
    """The session's place was given away while its block ran.

    `reason` is `expired` (lease), `failed` (pool), `pool_gone` (its pool sent no heartbeats), `completed` (by another
    call), `reported_ended` (not in its pool's list) or `unknown`.
    """

    def __init__(self, session_id: str, pool_id: str, reason: str) -> None:
        super().__init__(f"session {session_id} lost its place on {pool_id}: {reason}")
        self.session_id = session_id
        self.pool_id = pool_id
        self.reason = reason
