"""Client of the dispatcher's HTTP API: places sessions, keeps their leases, ends them; asyncio and threads.

| module | owns |
|---|---|
| async_client, sync_client | one asyncio task, or one thread with an event loop, for each client |
| base_client | options of both clients; begin and end of a session and of the client |
| breaker | when slta is asked again, and when not at all: retry budget and circuit breaker |
| calls | a call, and the queue of placements' calls |
| codes | what error codes mean; made of the service's table |
| endpoints | active pools of a fleet, in columns, and the file of them |
| engine | what a client's placements and its loop of leases share, and their I/O |
| fallback | the last known endpoints, and the better of two pools while slta does not answer |
| http | aiohttp's connections: one request, and why there is no reply |
| keeping | the loop of renewals, completes and reports |
| lanes | one fleet's schedules of renewals and of reports, and its queue of completes |
| leases | the live sessions and the lanes of all fleets |
| metrics | counters, if prometheus_client is importable |
| placing | the placement of one session, in order of preference of the fleets |
| release | the version |
| replies | a reply, or why there is none, as a value; what a failure means |
| rules | which replies are repeated, when, and the pauses between |
| session | a session that is wanted, one that is placed, and what it raises |
| timer | a timer that a late event loop does not shorten, a time limit, and the wait for an event |

`placing` and `keeping` have no I/O, clock or threads of their own: tests give them an `Engine` that has none either.
"""

from slta_client.async_client import AsyncClient
from slta_client.breaker import Breaker
from slta_client.release import VERSION
from slta_client.session import (
    NoCapacityError,
    PlacementError,
    RefusedError,
    Session,
    SessionEndedError,
    SessionLostError,
    UnavailableError,
)
from slta_client.sync_client import Client

__version__ = VERSION

__all__ = [
    "AsyncClient",
    "Breaker",
    "Client",
    "NoCapacityError",
    "PlacementError",
    "RefusedError",
    "Session",
    "SessionEndedError",
    "SessionLostError",
    "UnavailableError",
    "__version__",
]
