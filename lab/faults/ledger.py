"""What a client was told, session by session, and what of it is true in the end.

It shares nothing with the service: ids and pools as the answers said them, against the raw records of the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from slta_client.replies import Reply
from slta_loadgen.retry import is_final


class Told(Enum):
    """State of a session by the replies so far."""

    NOTHING = "nobody has answered yet"
    REFUSED = "it was refused"
    LIVES = "it is on a pool"
    ENDED = "it was completed"
    DOUBT = "a complete was asked until the end, and no answer said whether it happened"
    GONE = "it was on a pool, and the service does not know it any more"


@dataclass(slots=True, eq=False)
class Session:
    """One id, and what was told of it."""

    session_id: str
    told: Told = Told.NOTHING
    pool: str = ""
    was_placed: bool = False
    """Somebody was told a pool."""
    lost: str = ""
    """Evidence that it was lost."""
    doubled: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Numbers of sessions. Each is what it says, of the sessions of one run."""

    acknowledged: int
    refused: int
    unknown: int
    lost: int
    doubled: int
    leaked: int
    back: int
    losses: Mapping[str, int]
    """The lost ones by how it was seen."""


@dataclass
class Ledger:
    """All sessions of a run, and the moments of good answers in seconds of a steady clock."""

    sessions: dict[str, Session] = field(default_factory=dict)
    good: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    """Answers that were no success, by code."""

    def open(self, session_id: str) -> Session:
        """A session that nobody has asked for yet."""
        return self.sessions.setdefault(session_id, Session(session_id))

    def heard(self, reply: Reply, now: float) -> None:
        """Any answer, or the lack of one."""
        if reply.ok:
            self.good.append(now)
        else:
            self.codes[reply.code] += 1

    def longest_silence(self, start: float, end: float) -> float:
        """Seconds without a good answer, between two moments."""
        moments = [start, *(moment for moment in self.good if start < moment < end), end]
        return max(later - sooner for sooner, later in pairwise(moments))

    def good_between(self, start: float, end: float) -> int:
        """Number of successful replies."""
        return sum(start <= moment < end for moment in self.good)


def placed(session: Session, reply: Reply, *, known: str) -> None:
    """A final answer to an assign; `known` is the pool that its client knew when it asked, '' for none."""
    if reply.ok:
        pool = str(reply.body["pool_id"])
        if known and (reply.code == "placed" or pool != known):
            session.lost = "placed anew"
        elif session.pool not in {"", known, pool}:
            session.doubled = True
        session.pool, session.told, session.was_placed = pool, Told.LIVES, True
    elif reply.code == "session_ended" and session.was_placed:
        session.lost, session.told = "ended by another", Told.GONE
    elif is_final(reply) and session.told is Told.NOTHING:
        session.told = Told.REFUSED


def completed(session: Session, reply: Reply) -> None:
    """A final answer to a complete."""
    if reply.ok and reply.body.get("reason", "completed") == "completed":
        session.told = Told.ENDED
    elif is_final(reply):
        session.lost, session.told = f"complete: {reply.body.get('reason', reply.code)}", Told.GONE
    else:
        session.told = Told.DOUBT


def judge(ledger: Ledger, live: Mapping[str, str]) -> Verdict:
    """Fate of every session; `live` is the store's own: session → pool."""
    sessions = ledger.sessions.values()
    for session in sessions:
        if session.told is Told.LIVES and live.get(session.session_id) != session.pool:
            session.lost = session.lost or ("on another pool" if session.session_id in live else "not in the store")
    strangers = live.keys() - ledger.sessions.keys()
    alive = [session for session in sessions if session.session_id in live]
    losses = Counter(session.lost for session in sessions if session.lost)
    return Verdict(
        acknowledged=sum(session.was_placed for session in sessions),
        refused=sum(session.told is Told.REFUSED for session in sessions),
        unknown=sum(session.told in {Told.NOTHING, Told.DOUBT} for session in sessions),
        lost=losses.total(),
        doubled=sum(session.doubled for session in sessions),
        leaked=len(strangers) + sum(session.told in {Told.REFUSED, Told.GONE} for session in alive),
        back=sum(session.told is Told.ENDED for session in alive),
        losses=dict(losses),
    )
