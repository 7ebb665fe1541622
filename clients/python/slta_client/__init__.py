"""Client of the dispatcher's HTTP API: places sessions, keeps their leases, ends them; asyncio and threads.

| module | owns |
|---|---|
| async_client, sync_client | I/O: one asyncio task, or one thread, for each client |
| attempts | one HTTP attempt: its deadline, whether its connection was reused, httpx's errors as replies |
| base_client | arguments that both clients are made with |
| budget | the retry budget |
| errors | what a session raises |
| keeping | the loop of renewals and completes |
| lanes | one fleet's schedule of renewals, and its queue of completes |
| leases | the live sessions and the lanes of all fleets |
| metrics | counters, if prometheus_client is importable |
| options | what a client is made with |
| placing | the placement of one session, in order of preference of the fleets |
| release | the version |
| replies | a reply, or why there is none, as a value |
| rules | which replies are repeated, and when |
| session | a placed session |
| steps | what the loops ask of the I/O |

The loops in `placing` and `keeping` are generators without I/O, clock or threads; both clients drive the same ones.
"""

from slta_client.async_client import AsyncClient
from slta_client.errors import (
    NoCapacityError,
    PlacementError,
    RefusedError,
    SessionEndedError,
    SessionLostError,
    UnavailableError,
)
from slta_client.release import VERSION
from slta_client.session import Session
from slta_client.sync_client import Client

__version__ = VERSION

__all__ = [
    "AsyncClient",
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
