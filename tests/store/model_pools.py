"""Pools of the model: statuses, drains, leases, and the guard of a class of which many fall silent at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unittest.mock import ANY

from tests.store.model_fleet import LONG_LEASE, SHORT_LEASE, Pool
from tests.store.model_placements import Placements


class Pools(Placements):
    """What becomes of pools."""

    def add_pool(self, i: int) -> None:
        self.serial += 1
        taken = {p.bit for p in self.pools if p.pool_class == i}
        bit = next(k for k in range(len(taken) + 1) if k not in taken)
        pool = Pool(f"p{self.serial}", i, bit)
        assert self.change("add_pools", "", pool.pool_id, self.names[i], "", "") == ["CREATED", 1, pool.pool_id]
        self._take_place(pool)

    def _take_place(self, pool: Pool) -> None:
        self.pools.append(pool)
        if self.with_naive and not any(
            (p.pool_class, p.position) == (pool.pool_class, pool.bit) for p in self.naive.pools
        ):
            self.naive.add(pool.pool_class, active=False)
        self.refresh(pool)

    def set_status(self, pool: Pool, status: str, drain: str = "") -> None:
        before, pool.status = pool.status, status
        reply = self.change("set_status", pool.pool_id, status, drain)
        held = len(pool.sessions)
        assert reply == ["POOL", pool.pool_id, self.names[pool.pool_class], status, held, "", "", ANY, drain]
        self._restate(pool, before)
        assert reply[-2] == pool.liveness
        self.refresh(pool)
        self._renew(pool)

    def drain_then_fail(self, pool: Pool) -> None:
        """The deadline has passed by the next tick, which fails a pool with sessions and ends those."""
        self.set_status(pool, "draining", "1 fail")
        self.tick()
        if pool.sessions:
            pool.status = "failed"
            self._restate(pool, "draining")
        for session in list(pool.sessions):
            self._end(session, "failed")
        self.refresh(pool)
        self._end_guards_of_half()

    def _restate(self, pool: Pool, before: str) -> None:
        """One that fails is not unconfirmed; one that had failed has a lease anew, or is unconfirmed as others are."""
        if pool.status == "failed" and pool.liveness == "unconfirmed":
            self._doubt_no_more(pool)
            pool.liveness = "lost"
        doubted = pool.lease_seconds and any(
            p.liveness == "unconfirmed" and p.pool_class == pool.pool_class for p in self.pools
        )
        if pool.status == "draining" and pool.liveness == "unconfirmed":  # it is so only in service
            self._doubt_no_more(pool)
            pool.liveness = "lost"
        doubted = doubted and pool.status == "active"
        if before == "draining" and pool.liveness == "lost" and doubted:
            before = "failed"
        if before == "failed" and pool.status != "failed":
            pool.liveness = "unconfirmed" if doubted else "alive"
            if doubted:
                self.doubted[pool.pool_class].append(pool.pool_id)
                self.longest[pool.pool_class] = max(self.longest[pool.pool_class], pool.lease_seconds)

    def _renew(self, *pools: Pool) -> None:
        """Pools that had failed or moved have their last lease anew: a short one is renewed before it ends."""
        short = [p for p in pools if p.lease_seconds == SHORT_LEASE and p.liveness == "alive" and p.status != "failed"]
        self.beat(short, LONG_LEASE)
        self._end_guards_of_half()

    def _doubt_no_more(self, pool: Pool) -> None:
        """An unconfirmed pool ceases to be one without having been heard."""
        if pool.liveness == "unconfirmed":
            self.doubted[pool.pool_class].remove(pool.pool_id)

    def remove(self, pool: Pool) -> None:
        reply = self.change("remove_pool", pool.pool_id)
        if pool.sessions:
            assert reply == ["NOT_EMPTY"]
            return
        assert reply == ["REMOVED"]
        self._doubt_no_more(pool)
        self.pools.remove(pool)
        pool.status = "removed"
        self.refresh(pool)
        self._renew()

    def move(self, pool: Pool, i: int) -> None:
        reply = self.change("move_pool", pool.pool_id, self.names[i])
        if pool.sessions and i != pool.pool_class:
            assert reply == ["NOT_EMPTY"]
        elif i != pool.pool_class:
            assert reply[:-1] == ["POOL", pool.pool_id, self.names[i], pool.status, 0, "", "", "alive"]
            self._doubt_no_more(pool)
            pool.liveness = "alive"
            self.pools.remove(pool)
            if self.with_naive:
                self.naive.pool(pool.pool_class, pool.bit).active = False
            taken = {p.bit for p in self.pools if p.pool_class == i}
            pool.pool_class, pool.bit = i, next(k for k in range(len(taken) + 1) if k not in taken)
            self._take_place(pool)
            self._renew(pool)

    def change_pools(self) -> None:
        """One random administrative act."""
        act = self.rng.randrange(9)
        pool = self.rng.choice(self.pools) if self.pools else None
        if pool and self.drain_rng.random() < 0.3:
            drained = self.drain_rng.choice(self.pools)
            self.drain_then_fail(drained)
            self.set_status(drained, self.drain_rng.choice(["active", "draining", "failed"]))
        if act == 0 and len(self.pools) < 40:
            self.add_pool(self.rng.randrange(len(self.names)))
        elif act == 1 and pool:
            self.set_status(pool, self.rng.choice(["active", "draining", "failed"]))
        elif act == 2 and pool:
            self.remove(pool)
        elif act == 3 and pool:
            self.move(pool, self.rng.randrange(len(self.names)))
        elif act == 4:
            self._set_class(self.rng.randrange(len(self.names)), "draining")
        elif act in (5, 6):
            self._set_class(self.rng.randrange(len(self.names)), "active")
        elif pool:
            for _ in range(self.rng.randint(1, 4)):
                self.adopt(pool)

    def _set_class(self, i: int, status: str) -> None:
        """All pools of a class: those that have not failed by its name, then the failed ones by their ids, twice."""
        mine = [p for p in self.pools if p.pool_class == i and p.status != status]
        failed = [p for p in mine if p.status == "failed"]
        self.set_statuses([p for p in mine if p.status != "failed"], status, self.names[i])
        self.set_statuses(failed, status, "", *2 * [p.pool_id for p in failed])

    def set_statuses(self, changing: Sequence[Pool], status: str, *selection: str) -> None:
        """`selection` is what the store is told, and must change these."""
        word, count, *ids = self.change("set_statuses", status, "", *selection)
        assert (word, set(ids[:count])) == ("CHANGED", {p.pool_id for p in changing})
        for pool in changing:
            before, pool.status = pool.status, status
            self._restate(pool, before)
        self.refresh(*changing)
        self._renew(*changing)

    def change_leases(self) -> None:
        """One random act of pools or of an operator that concerns leases."""
        act, i = self.lease_rng.randrange(4), self.lease_rng.randrange(len(self.names))
        mine = [p for p in self.pools if p.pool_class == i and p.status != "failed"]
        if act == 0:
            self.beat([p for p in self.pools if self.lease_rng.random() < 0.5], LONG_LEASE)
        elif act == 1:
            self.end_guard()
        elif len([p for p in mine if p.status == "active"]) >= 3:
            self.lose_all(mine)
            self.beat([p for p in mine if self.lease_rng.random() < 0.4], LONG_LEASE)

    def beat(self, pools: Sequence[Pool], ttl: int) -> None:
        """These pools send a heartbeat."""
        if not pools:
            return
        ids = " ".join(p.pool_id for p in pools)
        letters = self.run("beat", ids, " ".join([str(ttl)] * len(pools)), " ".join("-" * len(pools)), "")[1]
        assert letters == "".join(map(self._letter, pools))
        for pool in pools:
            if pool.status != "failed":
                pool.lease_seconds, pool.liveness = ttl, "alive"
        self._end_guards_of_half()
        self.refresh(*pools)

    @staticmethod
    def _letter(pool: Pool) -> str:
        if pool.status == "failed":
            return "f"
        return "b" if pool.liveness in {"lost", "gone"} else "o" if pool.lease_seconds else "n"

    def lose_all(self, mine: Sequence[Pool]) -> None:
        """All pools of a class fall silent at once: those in service become unconfirmed, the others are lost."""
        self.beat(mine, SHORT_LEASE)
        self.pass_seconds(2.6)
        for pool in mine:
            pool.liveness = "unconfirmed" if pool.status == "active" else "lost"
        self.doubted[mine[0].pool_class] = [p.pool_id for p in mine if p.status == "active"]
        self.longest[mine[0].pool_class] = SHORT_LEASE
        self.refresh(*mine)

    def end_guard(self) -> None:
        """An operator says that silent pools are dead."""
        names = {self.names[p.pool_class] for p in self.pools if p.liveness == "unconfirmed"}
        assert set(self.change("end_guard", "")[1:]) == names
        self._lose_unconfirmed(range(len(self.names)))

    def _end_guards_of_half(self) -> None:
        """Two leases after half of a class's unconfirmed pools were heard, the others are lost.

        If one of them has a long lease, an operator ends the guard instead.
        """
        for i, doubted in self.doubted.items():
            silent = [p for p in self.pools if p.pool_id in doubted and p.liveness == "unconfirmed"]
            if silent and 2 * (len(doubted) - len(silent)) >= len(doubted):
                if self.longest[i] > SHORT_LEASE:
                    self.end_guard()
                else:
                    self.pass_seconds(4.1)
                    self._lose_unconfirmed([i])

    def _lose_unconfirmed(self, classes: Collection[int]) -> None:
        self.pass_seconds(0)
        losing = [p for p in self.pools if p.liveness == "unconfirmed" and p.pool_class in classes]
        for pool in losing:
            pool.liveness = "lost"
        self.refresh(*losing)

    def is_calm(self) -> bool:
        """Whether no pool waits for its own time."""
        return all(pool.liveness == "alive" and pool.lease_seconds != SHORT_LEASE for pool in self.pools)
