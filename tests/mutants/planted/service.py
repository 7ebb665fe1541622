"""Planted mistakes in the service that once were defects: connections, budgets, scrapes, ticks."""

from __future__ import annotations

from tests.mutants.planting import Mutant, row

MUTANTS: dict[str, Mutant] = {
    "bytes of bodies are never given back": row(
        "api/http/authorization.py", "release", "context.reserved_bytes:", "False:"
    ),
    "what a call of many was charged beyond its operations is lost": row(
        "api/http/authorization.py", "charge", "self._charge(context, operations - 1 - context.unused_charge)", ""
    ),
    "a client that leaves ends the reading of the others": row("api/endpoint_cache.py", "of", "asyncio.shield", ""),
    "of two session ids the last one counts": row(
        "api/http/route_options.py", "PLACEMENT", 'Session-Id", "X-Slta-Lease", "X-Slta-Session-Type"', 'Slta-Lease",'
    ),
    "an answer that breaks off holds its reading": row(
        "metrics/exposition.py", "being_sent", "senders -= 1", "senders -= 0"
    ),
    "a piece of chunks may end within an empty line": row("server/framing.py", "_chunks_end", "3, 2, 1)", ")"),
    "a stream ends after a while": row("server/protocol.py", "on_timeout", "exchange.has_started or ", ""),
    "an answer that is not read may take as long as an idle connection": row(
        "server/protocol.py", "_set_deadline", " or not self.writable.is_set()", ""
    ),
    "a fleet in doubt is left to the other dispatcher": row(
        "runtime/ticks.py", "tick", "replace(result, turn_seconds=0) if self._store.is_doubted(fleet) else ", ""
    ),
}
