"""Leases and ended ids of sessions, as the documents say: what becomes of an id as fleet time passes."""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1_000_000
TOMBSTONE = 120 * SECOND


@dataclass
class Terms:
    """`lease` and `retention` are the fleet's. All times are µs of fleet time."""

    lease: int
    retention: int
    live: dict[str, list[int]] = field(default_factory=dict)
    """Lease, start and the second in which the lease ends, 0 for never, of each live session."""
    since: int = 0
    held_until: int = 0
    """No lease ends before."""
    _ended: dict[str, tuple[str, str]] = field(default_factory=dict)
    _older: dict[str, tuple[str, str]] = field(default_factory=dict)
    _early: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    """By id until when it counts as refused."""
    refused_ids: int = 0

    def begin(self, session: str, word: str, now: int) -> list[int]:
        """A session begins under this lease in µs, '' for the fleet's, 0 for none."""
        self.live[session] = [0, now, 0]
        self.refused_ids -= self.refused.pop(session, 0) > now
        return self.restart(session, word or str(self.lease), now)

    def restart(self, session: str, word: str, now: int) -> list[int]:
        """Its lease begins again, with its own length if the word is ''."""
        lease = int(word) if word else self.live[session][0]
        self.live[session] = [lease, self.live[session][1], (now + lease) // SECOND + 1 if lease else 0]
        return self.live[session]

    def move(self, session: str, now: int) -> list[int]:
        """It goes to another pool under its lease."""
        self.live[session][1] = now
        return self.live[session]

    def end(self, session: str, reason: str, pool_id: str) -> None:
        """It ends on this pool, and its id is kept."""
        del self.live[session]
        self._ended[session] = reason, pool_id

    def bury(self, session: str, now: int) -> None:
        """An unknown id is completed."""
        self._early[session] = now + TOMBSTONE

    def refuse(self, session: str, stay: int, now: int) -> None:
        """An id is refused, and counts for this time, unless it counts already."""
        if self.refused.get(session, 0) <= now:
            self.refused[session] = now + stay
            self.refused_ids += 1

    def remember(self, session: str, reason: str, pool_id: str, now: int) -> None:
        """Another dispatcher tells that an id has ended, or without a reason that it was unknown when completed."""
        if reason:
            self._ended[session] = reason, pool_id
        else:
            self.bury(session, now)

    def ended(self, session: str, now: int) -> list[str] | None:
        """What is answered about an ended id that is still kept, or that was completed before its assign."""
        if found := self._ended.get(session) or self._older.get(session):
            return ["ENDED", *found]
        return ["ENDED", "completed_before_assign", ""] if self._early.get(session, 0) > now else None

    def tick(self, now: int) -> list[str]:
        """Drop ids that were kept long enough; the sessions whose leases are over."""
        if now - self.since >= self.retention:
            self._older, self._ended, self.since = self._ended, {}, now
        if now < self.held_until:
            return []
        return [session for session, (_, _, due) in self.live.items() if 0 < due * SECOND <= now]

    def next_due(self) -> int:
        """When the first lease ends."""
        return min((due * SECOND for _, _, due in self.live.values() if due), default=2**63)
