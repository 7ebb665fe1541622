"""The only place that knows Redis: atomic steps in Lua, a typed method for each, batching, the embedded server.

| module | owns |
|---|---|
| store | `Store`: what callers hold; `store.sessions.assign(…)` |
| sessions, pools, fleets, audits, repairs | its rooms, as in `lua/` |
| surveys | the dry run of a repair |
| replies | words of the Lua as values and errors |
| batching, waiting, pace | many requests in one call; one of them and who waits for it; how long they wait |
| caller, exchange, connection | one call; its round trip; what a failed call means |
| durability, replicas | what an acknowledgement promises; how many replicas confirm it |
| failover | detection of lost writes, the log of acknowledged ones, their replay |
| urls, topology, requirements | where the server is; which one is the master; what it must be |
| library, tables, snapshots | the Lua, put together; a fleet's tables for it; a snapshot from it |
| embedded, data_folder | a server of our own |
"""

from service.store.caller import StoreObserver
from service.store.connection import StoreSettings
from service.store.sessions import Asked
from service.store.store import Store

__all__ = ["Asked", "Store", "StoreObserver", "StoreSettings"]
