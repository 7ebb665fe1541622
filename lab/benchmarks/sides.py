"""The sides of `make bench`: which server answers, and what the client sends it."""

from __future__ import annotations

from typing import NamedTuple


class Side(NamedTuple):
    """`kind` is what wrk.lua sends, or `store` for calls of the Lua functions without HTTP.

    `operations` are in one request. `needs_key`: the server wants one with each request.
    """

    name: str
    server: str
    kind: str
    operations: int = 1
    needs_key: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is the dispatcher that is measured."""
        return self.server.startswith("ours")


OURS = tuple(
    Side(name + ("+keys" if needs_key else ""), "ours", kind, operations, needs_key)
    for name, kind, operations in (
        ("pairs", "pairs", 1),
        ("assign", "assign", 1),
        ("bulk-100", "bulk", 100),
        ("bulk-1000", "bulk", 1000),
    )
    for needs_key in (False, True)
)
OURS += tuple(
    Side(f"{name}+{mode}", f"ours-{mode}", kind, operations)
    for mode in ("replicated", "fsync")
    for name, kind, operations in (("pairs", "pairs", 1), ("bulk-100", "bulk", 100))
)
PEERS = (
    Side("least-loaded", "least_loaded", "pairs"),
    Side("least-loaded-assign", "least_loaded", "assign"),
    Side("fastapi", "nothing", "pairs"),
    Side("asgi", "bare", "pairs"),
    Side("nginx-lua", "nginx", "pairs"),
    Side("haproxy", "haproxy", "pairs"),
    Side("store-32", "store", "store", 32),
    Side("store-128", "store", "store", 128),
)
SIDES = {side.name: side for side in (*OURS, *PEERS)}

MEANINGS = {
    "pairs": "the dispatcher: assign and complete in turn, the fleet as full as at the start",
    "assign": "the dispatcher: assigns alone, the fleet fills",
    "bulk-100": "the dispatcher: calls of 100 operations, assigns and completes in turn",
    "bulk-1000": "the same, of 1,000 operations",
    "+keys": "the same with an API key in each request",
    "+replicated": "the same in this mode of durability, with one replica on this machine",
    "+fsync": "the same in this mode",
    "least-loaded": "FastAPI, redis-py and one script call a request: the least loaded pool by weight",
    "least-loaded-assign": "the same, assigns alone",
    "fastapi": "a FastAPI route that does nothing",
    "asgi": "an ASGI application that answers a constant",
    "nginx-lua": "nginx, its Lua module and the same script call",
    "haproxy": "HAProxy, leastconn over four servers that answer a constant",
    "store-32": "the dispatcher's Lua functions alone, calls of 32 operations over a unix socket",
    "store-128": "the same, calls of 128",
}
