"""Whether the store still has the past that it told us: what is known of it, and what contradicts that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Past = Literal["same", "unsure", "lost"]
"""Of a server, compared with the one looked at before: it has all of it; it may lack some, which putting back shows; it
lacks some, or nobody can tell."""
NO_ID = "0" * 40


class Lineage(NamedTuple):
    """What a server says of its past (INFO server replication); offsets are bytes of its writes.

    `parted` is the first offset that it does not share with its predecessor.
    """

    process: str
    id: str
    offset: int
    predecessor: str
    parted: int


def read_lineage(information: str) -> Lineage:
    """The lineage from the text of INFO."""
    said = dict(line.split(":", 1) for line in information.splitlines() if ":" in line)
    return Lineage(
        process=said["run_id"],
        id=said["master_replid"],
        offset=int(said["master_repl_offset"]),
        predecessor=said["master_replid2"],
        parted=int(said["second_repl_offset"]),
    )


def compare(before: Lineage, now: Lineage) -> Past:
    """Whether a server has all that was seen of the one before.

    A server whose first replica arrives takes a new id and has no predecessor then. It is the same process, which
    has forgotten nothing. A process that was restarted has no predecessor either: it has what its file had. A promoted
    replica has all that was seen before it parted, and may lack what came after the last look.
    """
    if now.id == before.id:
        return "same" if now.offset >= before.offset else "lost"
    if now.predecessor == before.id:
        return "unsure" if before.offset < now.parted else "lost"
    if now.predecessor != NO_ID:
        return "lost"
    return "same" if now.process == before.process else "unsure"


class Sent(NamedTuple):
    """What was known of a fleet when a call for it went out."""

    doubts: int
    revision: int


@dataclass(slots=True)
class Known:
    """What is known of a fleet's past. `why` it may have lost some of it, '' if nothing says so."""

    epoch: int = 0
    first_epoch: int = 0
    """In which the fleet began. A fleet that was deleted and made anew has another."""
    revision: int = 0
    doubts: int = 0
    why: str = ""
    unsure: bool = False
    """Its server may lack some of what was acknowledged."""
    lost: bool = False
    """It is marked, and what was acknowledged lately is to be put back."""


@dataclass(slots=True)
class Continuity:
    """The past of one store and its fleets, as one process saw it."""

    doubted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something should be looked into at once."""
    _interrupted: bool = False
    _lineage: Lineage | None = None
    _fleets: dict[str, Known] = field(default_factory=dict)

    def sending(self, fleet: str) -> Sent:
        """To be remembered until the call's reply has come."""
        known = self._fleets.get(fleet)
        return Sent(known.doubts, known.revision) if known else Sent(0, 0)

    def interrupted(self) -> None:
        """A call failed: the next reply may come from another server, or from one that was restarted."""
        self._interrupted = True

    def heard(self, fleet: str, sent: Sent, revision: int) -> None:
        """A reply has come; `revision` is 0 where it said none.

        Two calls may be under way, and the later one may run first. So a fall says something only in a call that was
        sent after the higher revision was received.
        """
        if self._interrupted:
            self._interrupted = False
            self.doubted.set()
        if not revision:
            return
        known = self._fleets.setdefault(fleet, Known())
        if sent.doubts != known.doubts:
            return
        if revision < sent.revision:
            self._doubt(known, "revision")
            known.revision = revision
        else:
            known.revision = max(known.revision, revision)

    def looked(self, now: Lineage) -> None:
        """The server said what it is."""
        past = compare(self._lineage, now) if self._lineage else "same"
        self._lineage = now
        for known in self._fleets.values() if past != "same" else ():
            if past == "lost":
                self._doubt(known, "replication")
            known.unsure = True

    def learned(self, fleet: str, epoch: int, left_epoch: int) -> Known:
        """A fleet's epoch, and the one that its first mark has left, 0 where it has no mark.

        Another epoch was begun by a mark, or its mark is lost, if the fleet is the same.
        """
        known, first_epoch = self._fleets.setdefault(fleet, Known()), left_epoch or epoch
        if known.epoch not in (0, epoch):
            lost = known.first_epoch == first_epoch
            if lost:
                self.doubted.set()
            known = self._fleets[fleet] = Known(doubts=known.doubts + 1, lost=lost)
        known.epoch, known.first_epoch = epoch, first_epoch
        return known

    def keep(self, fleets: Iterable[str]) -> None:
        """Forget all other fleets."""
        names = set(fleets)
        self._fleets = {name: known for name, known in self._fleets.items() if name in names}

    def troubled(self) -> Mapping[str, Known]:
        """Fleets of which something may be missing."""
        return {name: known for name, known in self._fleets.items() if known.why or known.unsure or known.lost}

    def _doubt(self, known: Known, why: str) -> None:
        known.doubts += 1
        known.why = why
        self.doubted.set()
