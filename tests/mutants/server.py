"""Planted mistakes in connections before a request is known: framing, deadlines, places, handshakes."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

FRAMING, DEADLINES, ADMISSION, ACCEPTOR = (
    f"process/{name}" for name in ("framing", "deadlines", "admission", "acceptor")
)

MUTANTS: dict[str, Mutant] = {
    "a piece of chunks may end within an empty line": python(
        "process/framing", "for size in (3, 2, 1) if", "for size in () if", FRAMING
    ),
    "another transfer coding is taken for chunked": python(
        "process/framing", 'if codings[-1:] == [b"chunked"] != codings:', "if False:", FRAMING
    ),
    "a coding that is not the last one is called unknown": python(
        "process/framing", 'if codings[-1:] == [b"chunked"] != codings:', 'if codings != [b"chunked"]:', FRAMING
    ),
    "small pieces are parsed without a pause": python(
        "process/framing", "if self.pieces else begin", "if True else begin", FRAMING
    ),
    "any version of HTTP is taken": python(
        "process/heads", "if not held.endswith(VERSIONS, begin, line_end):", "if False:", FRAMING
    ),
    "another version of HTTP is called no HTTP": python(
        "process/heads", "if not _VERSION.search(line):", "if True:", FRAMING
    ),
    "a request without a version is called another version": python(
        "process/heads", "if not _VERSION.search(line):", "if False:", FRAMING
    ),
    "a head that begins with no letter is called too large": python(
        "process/heads", "if not head[:1].isalpha():", "if False:", FRAMING
    ),
    "a request under way has no deadline": python(
        "process/bounded",
        "self.due, self._head_begun = self.loop.time() + REQUEST_SECONDS, False",
        "self.due, self._head_begun = math.inf, False",
        DEADLINES,
    ),
    "a stream ends after a while": python("process/bounded", "elif cycle.response_started:", "elif False:", DEADLINES),
    "an answer that does not begin is waited for without end": python(
        "process/bounded",
        '            self._limits.refuse("unanswered")\n            self.transport.abort()',
        "            self._set_due()",
        DEADLINES,
    ),
    "an answer that is not read may take as long as an idle connection": python(
        "process/bounded", "self.flow.write_paused or self._framing.body_left", "self._framing.body_left", DEADLINES
    ),
    "a client that sends nothing more keeps its deadline": python(
        "process/bounded",
        'what was written."""\n        self.due = self.loop.time() + STALLED_SECONDS\n',
        'what was written."""\n',
        DEADLINES,
    ),
    "one that was used since it was looked at ends": python(
        "process/bounded", "if self.due > self.loop.time():", "if False:", DEADLINES
    ),
    "all that are due end in one turn": python("process/limits", "Groups(ENDED_TOGETHER)", "Groups(10**6)", DEADLINES),
    "a connection at work makes room": python("process/bounded", "        self._idle.pop(self, None)\n", "", ADMISSION),
    "a connection that has answered never makes room": python(
        "process/bounded", "            self._idle[self] = None\n", "", ADMISSION
    ),
    "a connection that is ending never makes room": python(
        "process/bounded", "            self._limits.places.rest(self)\n", "", ADMISSION
    ),
    "a probe without a place is refused": python(
        "process/bounded", "if not (self._has_place or is_probe(self.url)):", "if not self._has_place:", ADMISSION
    ),
    "without a place everything is answered": python(
        "process/bounded", "if not (self._has_place or is_probe(self.url)):", "if False:", ADMISSION
    ),
    "a connection without a place is kept": python(
        "process/bounded", "if self._limits.ending or not self._has_place:", "if self._limits.ending:", ADMISSION
    ),
    "the newest makes room": python(
        "process/admission",
        "next(iter(self._idle or self._trusted_idle), None)",
        "next(reversed(self._idle or self._trusted_idle), None)",
        ADMISSION,
    ),
    "a trusted proxy's connection makes room like any other": python(
        "process/admission",
        "self._idle or self._trusted_idle",
        "self._trusted_idle or self._idle",
        ADMISSION,
    ),
    "one address may have all places": python("process/admission", "max(1, most // 2)", "most", ADMISSION),
    "everybody gets a place": python(
        "process/admission",
        "has_place = len(self) < self.most and not self._is_at_its_share(network)",
        "has_place = True",
        ADMISSION,
    ),
    "what has left comes back as idle": python(
        "process/admission", "if occupant in self._networks:", "if True:", ADMISSION
    ),
    "each IPv6 address counts alone": python(
        "process/admission", "packed[:8] if any(packed[:8]) else packed", "packed", ADMISSION
    ),
    "all IPv4 addresses in IPv6 count as one": python(
        "process/admission", "packed[:8] if any(packed[:8]) else packed", "packed[:8]", ADMISSION
    ),
    "handshakes are not counted": python(
        "process/acceptor",
        "            self._limits.handshakes.enter(connecting, address)\n",
        "            pass\n",
        ACCEPTOR,
    ),
    "a handshake has no deadline": python(
        "process/acceptor", "asyncio.timeout(self._limits.handshake_seconds)", "asyncio.timeout(None)", ACCEPTOR
    ),
    "a dropped handshake goes on": python("process/limits", "        handshake.cancel()\n", "", ACCEPTOR),
    "a handshake that has ended is counted on": python(
        "process/acceptor", "        self._limits.handshakes.leave(connecting)\n", "", ACCEPTOR
    ),
    "all that wait are accepted in one turn": python(
        "process/acceptor", "range(ACCEPTED_TOGETHER):\n            try", "range(10**6):\n            try", ACCEPTOR
    ),
    "without descriptors nobody makes room": python(
        "process/acceptor",
        "if not self._limits.places.make_room() and not self._limits.handshakes.make_room():",
        "if True:",
        "process/hostile",
    ),
    "the log does not say what was shed": python(
        "process/limits", "            self._shed[reason] += 1\n", "            pass\n", "process/hostile"
    ),
    "the soft limit of open files stays": python(
        "process/serving", "    raise_descriptor_limit()\n", "", "process/hostile"
    ),
    "handshakes are no connections": python("process/dispatcher", " + len(limits.handshakes)", "", ACCEPTOR),
    "trusted proxies are not known to the places": python(
        "process/listening", "        trusts=TrustedProxies(settings.trusted_proxies).trusts,\n", "", "process/bounded"
    ),
}
