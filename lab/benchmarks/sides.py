"""The sides of `make bench`: which server answers, and what the client sends it."""

from __future__ import annotations

from typing import NamedTuple


class Side(NamedTuple):
    """`kind` is what wrk.lua sends, or `store` for calls of the Lua functions without HTTP.

    `operations` are in one request. `needs_key`: the server wants one with each request. `has_addresses`: so do the
    pools.
    """

    name: str
    server: str
    kind: str
    operations: int = 1
    needs_key: bool = False
    has_addresses: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is the dispatcher that is measured."""
        return self.server.startswith("ours")


OURS = tuple(
    Side(name + ("+keys" if needs_key else ""), "ours", kind, operations, needs_key)
    for name, kind, operations in (
        ("pairs", "pairs", 1),
        ("assign", "assign", 1),
        ("place", "place", 1),
        ("bulk-100", "bulk", 100),
        ("bulk-1000", "bulk", 1000),
    )
    for needs_key in (False, True)
)
OURS += (
    Side("assign+addresses", "ours", "assign", has_addresses=True),
    Side("replay", "ours", "replay"),
    Side("replay+addresses", "ours", "replay", has_addresses=True),
    Side("bulk-100+addresses", "ours", "bulk", 100, has_addresses=True),
)
OURS += tuple(
    Side(f"{name}+{mode}", f"ours-{mode}", kind, operations)
    for mode in ("replicated", "fsync")
    for name, kind, operations in (("pairs", "pairs", 1), ("bulk-100", "bulk", 100))
)
PEERS = (
    Side("least-loaded", "least_loaded", "pairs"),
    Side("fastapi", "nothing", "pairs"),
    Side("asgi", "bare", "pairs"),
    Side("httptools", "httptools", "pairs"),
    Side("nginx-lua", "nginx", "pairs"),
    Side("haproxy", "haproxy", "pairs"),
    Side("store-128", "store", "store", 128),
)
SIDES = {side.name: side for side in (*OURS, *PEERS)}
