"""What clients of a fleet were told, by which the store is judged after it has lost its last seconds.

The model places nothing. It knows of each session and pool what was acknowledged last, and the earliest instant at
which a session may end by itself. It shares no code with the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple

GONE, FORGET = 2.0, 20.0
"""Seconds, of each fleet file of a history."""
GRACE = 1.25
"""Leases until a silent pool is lost."""
ANY_REASON = "ended"
"""A renewal is not told which."""


@dataclass
class Session:
    """A session that lives by what was acknowledged last, in `step`, by the dispatcher `by`."""

    pool: str
    step: int
    by: int
    due: float = inf
    """It does not expire before."""
    is_over: bool = False
    """Its pool was gone or had failed before that changed, so it may have ended."""


class Found(NamedTuple):
    """A pool as the store has it."""

    pool_class: str
    status: str
    address: str | None


@dataclass
class Pool:
    """A pool by what was acknowledged last."""

    pool_class: str
    status: str = "active"
    address: str | None = None
    fails_at: float = inf
    gone_at: float = inf
    """It does not become gone before."""
    is_unheard: bool = False
    """It was made again, or came back by a replay: nothing may be placed on it until it is heard or undrained."""
    is_removed: bool = False
    """Its removal is among what was lost, and what was placed on it since may keep it."""
    is_changed: bool = False
    """It was changed since a loss, which wins over all that was lost of it."""


@dataclass
class Loss:
    """What matters of losses until all dispatchers have recovered."""

    since: int
    """The step of the copy."""
    at: int = 0
    """The step of the loss, 0 before one."""
    stopped: set[int] = field(default_factory=set)
    """Dispatchers that stood still then."""
    is_other_fleet: bool = False
    """The fleet was deleted since the copy."""
    is_followed: bool = False
    """Something was acknowledged since."""
    is_open: bool = False
    """A dispatcher may not have heard of it yet."""


class Violation(NamedTuple):
    """What must not be; `rule` names it."""

    rule: str
    text: str


class Model:
    """A fleet as its clients know it. `time` is in seconds, `step` counts acts."""

    def __init__(self) -> None:
        self.time, self.step, self.life = 0.0, 0, 0
        """`life` counts the fleets of this name, and is negative after a deletion."""
        self.sessions: dict[str, Session] = {}
        self.ended: dict[str, tuple[int, int]] = {}
        """Acknowledged as ended, or answered 404: in which step, and by which dispatcher, -1 for any."""
        self.pools: dict[str, Pool] = {}
        self.forgotten: set[str] = set()
        """Pools that were removed since they were gone."""
        self.violations: list[Violation] = []
        self.missing: dict[str, tuple[Session, str]] = {}
        """Sessions that the store lacked, and how that was seen."""
        self.loss = Loss(0)
        self.copied()

    def violate(self, rule: str, text: str) -> None:
        self.violations.append(Violation(rule, text))

    # --- Sessions

    def placed(self, id_: str, pool_id: str, lease: float, by: int, *, word: str) -> None:
        """A session is on a pool: by the service's choice (`assign`), or by a report `new` or `moved`."""
        pool = self.known(pool_id)
        if word == "assign" and pool.is_unheard and not self.loss.is_open:
            self.violate("unheard pool", f"{id_} was placed on {pool_id}, which came back and was not heard yet")
        elif word == "assign" and pool.status != "active" and not self.loss.at:
            self.violate("inactive pool", f"{id_} was placed on {pool_id}, which is {pool.status}")
        before = self.sessions.get(id_) if word == "moved" else None
        self.ended.pop(id_, None)
        self.missing.pop(id_, None)
        due = before.due if before else self.time + (lease or inf)
        self.sessions[id_] = Session(pool_id, self.step, by, due)

    def there(self, id_: str, pool_id: str) -> None:
        """A client is told again where its session is."""
        known = self.sessions.get(id_)
        if known is None or (known.pool != pool_id and not self.loss.at):
            self.violate("back", f"{id_} lives on {pool_id}, not as {known}")

    def renewed(self, id_: str, lease: float | None, by: int) -> None:
        """The lease begins anew, None for one of unknown length."""
        known = self.sessions.get(id_)
        if known is None:
            self.violate("back", f"{id_} was renewed after its end")
            return
        if not 0 < known.step <= self.loss.at:  # else it is not known where it was renewed
            known.step, known.by = self.step, by
        known.due = self.time if lease is None else self.time + (lease or inf)

    def ended_now(self, id_: str, by: int = -1) -> None:
        """An end is acknowledged: completed, or by a list or a failed pool."""
        self.sessions.pop(id_, None)
        self.ended.setdefault(id_, (self.step, by))

    def told_gone(self, id_: str, reason: str) -> None:
        """A client is told that the session is unknown, or has ended and perhaps why."""
        known = self.sessions.get(id_)
        if known and not self.may_end(known, reason):
            self.missing[id_] = known, f"told {reason}"
        self.ended_now(id_)

    def may_end(self, session: Session, reason: str = ANY_REASON) -> bool:
        """Whether a session may have ended by itself for this reason."""
        pool = self.pools.get(session.pool) or Pool("")
        earliest = {"expired": session.due, "pool_gone": pool.gone_at, "failed": pool.fails_at}
        earliest[ANY_REASON] = min(earliest.values())
        return earliest.get(reason, inf) <= self.time + 1 or (session.is_over and reason in earliest)

    # --- Pools

    def made(self, pool_id: str, pool_class: str, address: str | None = None) -> None:
        """A pool is new. One that was forgotten before is lost until it is heard or undrained."""
        self._release(pool_id)
        is_unheard = pool_id in self.forgotten or self._may_be_forgotten(pool_id)
        gone_at = self.time + GONE if is_unheard else inf if self._is_sure() else 0
        self.pools[pool_id] = Pool(pool_class, address=address, gone_at=gone_at, is_unheard=is_unheard)
        self.forgotten.discard(pool_id)

    def known(self, pool_id: str) -> Pool:
        """A pool of which the store has just answered; its removal may be lost, and not replayed yet."""
        self._release(pool_id)
        if pool_id not in self.pools and self.loss.at and pool_id in self._pools_before:
            self.pools[pool_id] = replace(self._pools_before[pool_id], is_removed=True, fails_at=0)
        elif pool_id not in self.pools:
            if self._is_sure():
                self.violate("pool", f"{pool_id} is there after it was removed")
            self.pools[pool_id] = Pool("", gone_at=0, fails_at=0)
        return self.pools[pool_id]

    def changed(self, pool_id: str) -> Pool:
        """A pool which a call has just changed, or would have."""
        pool = self.known(pool_id)
        pool.is_removed, pool.is_changed = False, self.loss.at > 0
        return pool

    def stated(self, pool_ids: Iterable[str], status: str, fails_at: float = inf) -> None:
        """An operator gave pools a status, perhaps with a deadline at which they fail."""
        for pool_id in pool_ids:
            pool = self.changed(pool_id)
            pool.status, pool.fails_at = status, fails_at
            if pool.is_unheard and status == "active":  # it serves without a lease
                pool.is_unheard, pool.gone_at = False, inf

    def heard(self, pool_id: str, lease: float) -> None:
        pool = self.known(pool_id)
        pool.gone_at, pool.is_unheard = self.time + GRACE * lease + GONE, False

    def _is_sure(self) -> bool:
        """Whether no fleet of before a deletion has come back by a loss."""
        return not (self.loss.at and self.loss.is_other_fleet)

    def removed(self, pool_id: str, *, was_there: bool) -> None:
        """A pool is removed, or was unknown to who would remove it."""
        self._release(pool_id)
        if not was_there and self._may_be_forgotten(pool_id):
            self.forgotten.add(pool_id)
        self.pools.pop(pool_id, None)

    def _release(self, pool_id: str) -> None:
        """A pool changes: its sessions may have ended before."""
        for session in self.sessions.values():
            session.is_over |= session.pool == pool_id and self.may_end(session)

    def _may_be_forgotten(self, pool_id: str) -> bool:
        return pool_id in self.pools and self.pools[pool_id].gone_at + FORGET <= self.time + 1

    # --- The fleet

    def put(self, *, created: bool) -> None:
        if created and self.life > 0 and not self.loss.at:
            self.violate("fleet", "PUT made a fleet that was there")
        self.life = abs(self.life) + created

    def deleted(self) -> None:
        live = sorted(id_ for id_, session in self.sessions.items() if not self.may_end(session))
        if live and not self.loss.at:
            self.violate("fleet", f"deleted with {live}")
        self.sessions, self.pools, self.forgotten, self.life = {}, {}, set(), -abs(self.life)
        self.loss.is_other_fleet = True

    # --- Losses

    def copied(self) -> None:
        """The store's data are copied, and no loss is open."""
        self.copied_at, self._pools_before, self._life_before = self.time, deepcopy(self.pools), self.life
        self.loss = Loss(self.step)

    def lost(self, stopped: set[int]) -> None:
        """The store is as at the copy."""
        self.loss.at, self.loss.is_open = self.step, True
        self.loss.stopped |= stopped
        if self.life != self._life_before:
            self.deleted()
        for pool_id, pool in self.pools.items():
            before = self._pools_before.get(pool_id)
            pool.is_unheard |= before is None and pool.gone_at < inf
            lease_before = before.gone_at if before else inf
            if pool.gone_at < inf == lease_before:  # without its first heartbeat it is lost
                lease_before = self.time + GONE
            pool.gone_at = min(pool.gone_at, lease_before)
            if before and self.loss.stopped:
                pool.fails_at = min(pool.fails_at, before.fails_at)

    # --- Judgement

    def judge(
        self, live: Mapping[str, str], reasons: Mapping[str, str], pools: Mapping[str, Found], counted: int
    ) -> None:
        """Compare with the store: session → pool, ended session → reason, pools, changes that were not replayed."""
        for id_ in sorted(live.keys() & self.ended.keys()):
            if not self._was_late(*self.ended.pop(id_)):
                self.violate("back", f"{id_} lives on {live[id_]} after its end")
            self.sessions[id_] = Session(live[id_], self.step, -1, 0.0)
        for id_ in sorted(live.keys() - self.sessions.keys()):
            self.violate("stranger", f"{id_} lives on {live[id_]}, nobody was told")
        for id_, session in list(self.sessions.items()):
            self._judge_session(id_, session, live.get(id_, ""), reasons.get(id_, ""))
        if self.loss.is_other_fleet and self.life < 0 and pools and not self.loss.is_followed:
            self.violate("fleet", "it is there after its deletion")
        if self.loss.is_other_fleet:
            self.life = abs(self.life) + 1 if pools else -abs(self.life)
            self.pools = {pool_id: Pool(*found, fails_at=0, gone_at=0) for pool_id, found in pools.items()}
        else:
            self._judge_pools(pools)
        self._judge_missing(counted)
        self.missing = {}
        self.copied()

    def _judge_session(self, id_: str, session: Session, where: str, reason: str) -> None:
        if where != session.pool and not self.may_end(session, reason):
            how = f"elsewhere: {where}" if where else f"ended {reason}" if reason else "not in the store"
            self.missing[id_] = session, how
        if where:
            self.sessions[id_] = replace(session, pool=where)
        else:
            self.ended_now(id_)

    def _judge_missing(self, counted: int) -> None:
        """Only sessions without their pool may be missing, and are counted."""
        displaced = 0
        for id_, (session, how) in self.missing.items():
            excuse = self._excuse(session)
            if not excuse:
                rule = f"missing ({how.partition(':')[0]})"
                self.violate(rule, f"{id_} of {session.pool}, by dispatcher {session.by}: {how}")
            displaced += excuse == "displaced"
        if displaced > counted:
            self.violate("uncounted", f"{displaced} displaced, {counted} counted: {sorted(self.missing)}")

    def _excuse(self, session: Session) -> str:
        loss = self.loss
        if not loss.since < session.step <= loss.at:
            return ""
        if self._was_late(session.step, session.by):
            return "its dispatcher stood still"
        return "displaced" if session.pool not in self.pools else ""

    def _was_late(self, step: int, by: int) -> bool:
        """Whether an acknowledgement is lost of which the dispatcher may have come after the window."""
        return self.loss.since < step <= self.loss.at and by in self.loss.stopped

    def _judge_pools(self, pools: Mapping[str, Found]) -> None:
        for pool_id in pools.keys() - self.pools.keys():
            self.violate("pool", f"{pool_id} is there after it was removed")
        for pool_id, pool in list(self.pools.items()):
            if pool_id in pools:
                self._judge_pool(pool_id, pool, pools[pool_id])
            elif self._may_be_forgotten(pool_id):
                self.forgotten.add(pool_id)
            elif not pool.is_removed:
                self.violate("pool", f"{pool_id} of {pool.pool_class} is missing")
        self.pools = {pool_id: pool for pool_id, pool in self.pools.items() if pool_id in pools}

    def _judge_pool(self, pool_id: str, pool: Pool, found: Found) -> None:
        statuses = {pool.status} | ({"failed"} if pool.fails_at <= self.time + 1 else set())
        right = found.pool_class == pool.pool_class, found.status in statuses, found.address == pool.address
        if not (pool.is_changed or all(right)):
            self.violate("pool", f"{pool_id} is {found}, not {pool}")
        pool.pool_class, pool.status, pool.address = found
        pool.is_removed = pool.is_changed = False
