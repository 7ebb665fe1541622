"""Labels of all metrics of slta, each with its one meaning. Those of the client and of agents are in the table too."""

from __future__ import annotations

LABELS = {
    "action": "what was done to a pool",
    "color": "color of the tokens that are counted",
    "digest": "digest of the function library in the store",
    "direction": "`up` or `down`",
    "error_type": "type of an error: the [error code](errors.md) of a 5xx, or `left`, if the client disconnected "
    "before the response; of a store call as in [SltaStoreErrors](runbook.md#sltastoreerrors)",
    "event": "what a line of a proxy's log says",
    "fleet": "name of the fleet; `none` for a fleet of which this process has placed no session",
    "function": "function of the store's library",
    "http_request_method": "HTTP method, or `_OTHER`",
    "http_response_status_code": "HTTP status, such as `401`; absent without a response",
    "http_route": "path template; absent if no route matched",
    "key_id": "key of the key file, `unknown` for a request without a valid key on a route that requires one, `none` "
    "if no key was required",
    "kind": "kind of a Kubernetes object",
    "level": "number of sessions on a pool; above a capacity of 64 every second, third, … one, at most 64",
    "maxmemory_policy": "setting of the store's server",
    "operation": "kind of the call to slta",
    "outcome": "result: a word such as `placed` or `ok`, the error code, or `left` as above",
    "placed_by": "`slta` or `fallback`",
    "pool_class": "class of pools",
    "pool_id": "id of a pool",
    "pool_status": "`active`, `draining` or `failed`; of pools also `lost` or `gone`",
    "probe": "`health`, `count` or `sessions`",
    "problem_code": "[error code](errors.md), or why there was no reply",
    "reason": "cause of a refusal, exclusion, loss, end or withheld advice; of sessions as in `counters` of the state",
    "service": "Service of Kubernetes",
    "session_type": "type of sessions; absent in a fleet without",
    "shard_status": "`ready`, or as in `/readyz`",
    "token": "the token that decided a placement",
    "version": "version of slta",
    "window": "seconds up to now: 60, 300 or 3600; a window in which curves or capacities changed has no series",
}
