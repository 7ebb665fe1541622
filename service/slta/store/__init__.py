"""Store: the Redis client, with a typed method per Lua function. No other package uses Redis.

Names that other packages import are exported here; modules with an underscore are inner to the package.

| module | owns |
|---|---|
| store | `Store`, the public interface: `store.sessions.assign(…)` |
| sessions, pools, fleets | operations on sessions, pools and fleets |
| rebuilds, census | rebuilds and comparisons; the names of fleets that have keys |
| operations | the table of session operations, and of the fields of a configuration |
| library | the Lua library, assembled from `lua/` |
| embedded | Valkey server as a child process, and its data directory |
| _outcomes | words of Lua replies, and the error of each refusal |
| _replies, _fleet_replies | parsers of Lua replies |
| _encoding | arguments of `put` |
| _batching | operations that share a call |
| _client | URL, routing, connection pools, preflight check, durability, function calls, rollback detection |
| _failover | log of acknowledged calls, replay |
"""

from slta.store._batching.pending import Outcome
from slta.store._client.connection_pool import StoreSettings
from slta.store._client.durability import DURABILITIES, Durability, Mode
from slta.store._client.failures import StoreCallError, cause_of
from slta.store._client.functions import CALLERS, StoreObserver
from slta.store._client.preflight import Eviction, ServerRequirements, UnsuitableStoreError
from slta.store._client.url import InvalidUrlError, has_password, parse_store_url
from slta.store._encoding import put_arguments
from slta.store._outcomes import Reply
from slta.store._replies import operation_result, split_type
from slta.store.sessions import OperationRequest
from slta.store.store import Store

__all__ = [
    "CALLERS",
    "DURABILITIES",
    "Durability",
    "Eviction",
    "InvalidUrlError",
    "Mode",
    "OperationRequest",
    "Outcome",
    "Reply",
    "ServerRequirements",
    "Store",
    "StoreCallError",
    "StoreObserver",
    "StoreSettings",
    "UnsuitableStoreError",
    "cause_of",
    "has_password",
    "operation_result",
    "parse_store_url",
    "put_arguments",
    "split_type",
]
