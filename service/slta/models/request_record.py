"""Request record, the author of a change, the change events of a fleet, and what a scrape of the metrics asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Action = Literal[
    "put_fleet",
    "delete_fleet",
    "add_pools",
    "move_pool",
    "remove_pool",
    "set_status",
    "drain_ended",
    "repair",
    "begin_guard",
    "end_guard",
    "forget_pools",
]
Part = Literal["process", "fleets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """State of a fleet (version, policy) or a pool (class, status, address) in an event.

    `drain_until` is the deadline of a drain in seconds of fleet time.
    """

    config_version: int | None = None
    policy: str | None = None
    pool_class: str | None = None
    status: str | None = None
    pool_address: str | None = None
    drain_until: float | None = None
    drain_then: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Requested change of a fleet, applied or rejected; or a change by a tick, such as `drain_ended`.

    - `at`, `time`: store time in seconds since 1970, fleet time in seconds.
    - `outcome`: `done`, or an error code. `times`: consecutive equal rejections for one key and address.
    - `key_id`: empty without keys. `address`: the client's; empty for the service itself, a fleet file or a command.
    - `pool_id`: of a single pool. `pools`: number of pools. `pool_ids`: the first five of a change.
    - `sessions`: those left after drains, or of `session_type` in a rejected change. `session_ids`: up to five of them.
    - `before`, `after`: null for a creation, a deletion; equal after a rejection. A member in which several pools
      differ is null.
    """

    at: float
    time: float
    action: Action
    outcome: str
    times: int
    request_id: str
    key_id: str
    address: str
    session_type: str | None = None
    pool_id: str | None = None
    pools: int | None = None
    pool_ids: list[str] | None = None
    sessions: int | None = None
    session_ids: list[str] | None = None
    before: Facts | None = None
    after: Facts | None = None


PLACE_ROUTE = "/v1/fleets/{fleet}/place"
"""Path template of the placement route, whatever follows `place`; all its refusals have status 503."""
MAX_WORD = 64
"""Maximum characters of each field of an author in the store."""


@dataclass(frozen=True, slots=True)
class Author:
    """Requester of a change, and the resulting events; by default the service itself."""

    request_id: str = ""
    key_id: str = ""
    address: str = ""
    events: list[Event] = field(default_factory=list)

    def __str__(self) -> str:
        """Encode for `lua/state/events.lua`: three fields without spaces, each at most `MAX_WORD` long."""
        texts = (self.request_id, self.key_id, self.address)
        return " ".join("".join(text.split())[:MAX_WORD] for text in texts)

    def learn(self, event: Event) -> None:
        """Append an event; one that continues the last `add_pools` replaces it."""
        if event.action == "add_pools" and event.pools and self.events and self.events[-1].action == event.action:
            self.events.pop()
        self.events.append(event)


class RequestRecord(NamedTuple):
    """Completed request, without free text of the client.

    `route` is the path template, None if no route matched; `status` 0 if the client disconnected; `fleet` and `key_id`
    '' if absent, `key_id` `unknown` for an unknown key; `address` the client's, according to trusted proxies; `author`
    is set on routes that change a fleet; `problem` the code of the problem document, '' without one.
    """

    request_id: str
    method: str
    route: str | None
    status: int
    seconds: float
    fleet: str
    key_id: str
    address: str = ""
    author: Author | None = None
    problem: str = ""


class Scrape(NamedTuple):
    """Accept header, the part of the metrics (None: both), and whether they include families by level."""

    accept: str = ""
    of: Part | None = None
    levels: bool = False
