"""Store: the Redis client, with a typed method per Lua function. No other package uses Redis.

| module | owns |
|---|---|
| store | `Store`, the public interface: `store.sessions.assign(…)` |
| sessions, pools, fleets | operations on sessions, pools and fleets |
| audits, repairs, census | audits, repairs and their dry runs; the names of fleets that have keys |
| outcomes | words of Lua replies, and the error of each refusal |
| replies, pool_replies, fleet_replies, snapshots | parsers of Lua replies |
| operations | the table of session operations, and of the fields of a configuration |
| library, encoding, pool_arguments | the Lua library, assembled from `lua/`; arguments of `put`, and of pools |
| batching | operations that share a call |
| client | URL, routing, connection pools, preflight check, durability, function calls, rollback detection |
| failover | log of acknowledged calls, replay |
| embedded | Valkey server as a child process, and its data directory |
"""

from slta.store.client.connection_pool import StoreSettings
from slta.store.client.observer import StoreObserver
from slta.store.sessions import OperationRequest
from slta.store.store import Store

__all__ = ["OperationRequest", "Store", "StoreObserver", "StoreSettings"]
