"""Planted mistakes in connections before a request is known: framing, deadlines, places, handshakes."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

FRAMING, DEADLINES, ADMISSION, ACCEPTOR = (
    f"server/{name}" for name in ("framing", "deadlines", "admission", "acceptor")
)

MUTANTS: dict[str, Mutant] = {
    "a piece of chunks may end within an empty line": python(
        "server/framing", "for size in (3, 2, 1) if", "for size in () if", FRAMING
    ),
    "another transfer coding is taken for chunked": python(
        "server/framing", 'if codings[-1:] == [b"chunked"] != codings:', "if False:", FRAMING
    ),
    "a coding that is not the last one is called unknown": python(
        "server/framing", 'if codings[-1:] == [b"chunked"] != codings:', 'if codings != [b"chunked"]:', FRAMING
    ),
    "small pieces are parsed without a pause": python(
        "server/framing", "if self.pieces else start", "if True else start", FRAMING
    ),
    "any version of HTTP is taken": python(
        "server/request_head", "if not buffer.endswith(VERSIONS, start, line_end):", "if False:", FRAMING
    ),
    "another version of HTTP is called no HTTP": python(
        "server/request_head", "if not _VERSION.search(line):", "if True:", FRAMING
    ),
    "a request without a version is called another version": python(
        "server/request_head", "if not _VERSION.search(line):", "if False:", FRAMING
    ),
    "a head that begins with no letter is called too large": python(
        "server/request_head", "if not head[:1].isalpha():", "if False:", FRAMING
    ),
    "a request under way has no deadline": python(
        "server/http_limits",
        "self.deadline, self._head_started = self.loop.time() + REQUEST_SECONDS, False",
        "self.deadline, self._head_started = math.inf, False",
        DEADLINES,
    ),
    "a stream ends after a while": python(
        "server/http_limits", "elif cycle.response_started:", "elif False:", DEADLINES
    ),
    "an answer that does not begin is waited for without end": python(
        "server/http_limits",
        '            self._limits.refuse("unanswered")\n            self.transport.abort()',
        "            self._set_deadline()",
        DEADLINES,
    ),
    "an answer that is not read may take as long as an idle connection": python(
        "server/http_limits", "self.flow.write_paused or self._framing.body_left", "self._framing.body_left", DEADLINES
    ),
    "a client that sends nothing more keeps its deadline": python(
        "server/http_limits",
        'buffer is empty."""\n        self.deadline = self.loop.time() + STALLED_SECONDS\n',
        'buffer is empty."""\n',
        DEADLINES,
    ),
    "one that was used since it was looked at ends": python(
        "server/http_limits", "if self.deadline > self.loop.time():", "if False:", DEADLINES
    ),
    "all that are due end in one turn": python(
        "server/connection_limits", "CallbackQueue(MAX_CLOSED_PER_ITERATION)", "CallbackQueue(10**6)", DEADLINES
    ),
    "a connection at work makes room": python(
        "server/http_limits", "        self._idle.pop(self, None)\n", "", ADMISSION
    ),
    "a connection that has answered never makes room": python(
        "server/http_limits", "            self._idle[self] = None\n", "", ADMISSION
    ),
    "a connection that is ending never makes room": python(
        "server/http_limits", "            self._limits.connections.mark_idle(self)\n", "", ADMISSION
    ),
    "a probe without a place is refused": python(
        "server/http_limits",
        "if not (self._is_admitted or is_probe(self.url)):",
        "if not self._is_admitted:",
        ADMISSION,
    ),
    "without a place everything is answered": python(
        "server/http_limits", "if not (self._is_admitted or is_probe(self.url)):", "if False:", ADMISSION
    ),
    "a connection without a place is kept": python(
        "server/http_limits", "if self._limits.ending or not self._is_admitted:", "if self._limits.ending:", ADMISSION
    ),
    "the newest makes room": python(
        "server/admission",
        "next(iter(self._idle or self._trusted_idle), None)",
        "next(reversed(self._idle or self._trusted_idle), None)",
        ADMISSION,
    ),
    "a trusted proxy's connection makes room like any other": python(
        "server/admission",
        "self._idle or self._trusted_idle",
        "self._trusted_idle or self._idle",
        ADMISSION,
    ),
    "one address may have all places": python("server/admission", "max(1, limit // 2)", "limit", ADMISSION),
    "everybody gets a place": python(
        "server/admission",
        "is_admitted = len(self) < self.limit and not self._is_at_share(network)",
        "is_admitted = True",
        ADMISSION,
    ),
    "what has left comes back as idle": python(
        "server/admission", "if client in self._network_of:", "if True:", ADMISSION
    ),
    "each IPv6 address counts alone": python(
        "server/admission", "packed[:8] if any(packed[:8]) else packed", "packed", ADMISSION
    ),
    "all IPv4 addresses in IPv6 count as one": python(
        "server/admission", "packed[:8] if any(packed[:8]) else packed", "packed[:8]", ADMISSION
    ),
    "handshakes are not counted": python(
        "server/acceptor",
        "            self._limits.handshakes.admit(task, address)\n",
        "            pass\n",
        ACCEPTOR,
    ),
    "a handshake has no deadline": python(
        "server/acceptor", "asyncio.timeout(self._limits.handshake_seconds)", "asyncio.timeout(None)", ACCEPTOR
    ),
    "a dropped handshake goes on": python("server/connection_limits", "        handshake.cancel()\n", "", ACCEPTOR),
    "a handshake that has ended is counted on": python(
        "server/acceptor", "        self._limits.handshakes.release(task)\n", "", ACCEPTOR
    ),
    "all that wait are accepted in one turn": python(
        "server/acceptor",
        "range(MAX_ACCEPTS_PER_ITERATION):\n            try",
        "range(10**6):\n            try",
        ACCEPTOR,
    ),
    "without descriptors nobody makes room": python(
        "server/acceptor",
        "if not self._limits.connections.evict_idle() and not self._limits.handshakes.evict_idle():",
        "if True:",
        ACCEPTOR,
    ),
    "the log does not say what was shed": python(
        "server/connection_limits", "            self._shed[reason] += 1\n", "            pass\n", "runtime/hostile"
    ),
    "the soft limit of open files stays": python(
        "runtime/main", "    raise_descriptor_limit()\n", "", "runtime/hostile"
    ),
    "handshakes are no connections": python("runtime/bootstrap", " + len(limits.handshakes)", "", ACCEPTOR),
    "trusted proxies are not known to the places": python(
        "runtime/bootstrap",
        "        is_trusted=TrustedProxies(settings.trusted_proxies).trusts,\n",
        "",
        "server/http_limits",
    ),
}
