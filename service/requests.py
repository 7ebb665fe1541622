"""What is known of a request once it is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Action = Literal["put_fleet", "delete_fleet", "add_pools", "move_pool", "remove_pool", "set_status", "repair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an event tells of a fleet (version and policy of its configuration) or of a pool (class and status)."""

    config_version: int | None = None
    policy: str | None = None
    pool_class: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of a fleet that was asked for, and what became of it.

    `at` is the store's time in seconds since 1970, `time` the fleet's, as in its state. `outcome` is `done`, or the
    code of the refusal. Without an address the service itself did it: a fleet file at its start, or a command.
    `pool_id` is None where it is no single pool, `pools` says how many were created, `times` how often the same was
    refused without anything else in between. `before` is None where there was nothing, `after` where nothing is left.
    """

    at: float
    time: float
    action: Action
    outcome: str
    times: int
    request_id: str
    key_id: str
    address: str
    pool_id: str | None = None
    pools: int | None = None
    before: Facts | None = None
    after: Facts | None = None


LONGEST_WORD = 64
"""Characters of each word of an author that the store is given."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks for a change, and the events that come of it; by default the service itself."""

    request_id: str = ""
    key_id: str = ""
    address: str = ""
    events: list[Event] = field(default_factory=list)

    def __str__(self) -> str:
        """As `lua/events.lua` reads it: three words without spaces, each of bounded length."""
        words = (self.request_id, self.key_id, self.address)
        return " ".join("".join(word.split())[:LONGEST_WORD] for word in words)

    def learn(self, event: Event) -> None:
        """Something came of it; what goes on in a later event is that one."""
        if self.events and event.pools and self.events[-1].action == event.action:
            self.events.pop()
        self.events.append(event)


class RequestRecord(NamedTuple):
    """An answered request.

    `route` is the path's template, None where none matched; `status` 0 when the client left; `fleet` and `key_id` ''
    where there is none, `key_id` `unknown` where the key is none of ours; `shed` where it was refused because too much
    waits or is held; `address` the client's, as far as trusted proxies tell; `author` is there where a route may change
    a fleet. Nothing in it is a client's free text.
    """

    request_id: str
    method: str
    route: str | None
    status: int
    seconds: float
    fleet: str
    key_id: str
    shed: bool = False
    address: str = ""
    author: Author | None = None
