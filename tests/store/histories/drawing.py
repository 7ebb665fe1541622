"""Draws histories, each by its seed, and shortens one that violates the model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

from slta.core.policies import PLACING
from slta.store.sessions import UNMARKED, report_option, type_option
from tests.store.histories.model import Violation
from tests.store.histories.playing import DISPATCHERS, Act, Play, document

LEASES = ("", "", "0", "4", "20", "600")
"""Seconds of sessions, '' for the fleet's."""
WEIGHTS = {
    "operate": 40,
    "seconds": 12,
    "beat": 6,
    "list": 4,
    "add": 5,
    "move": 2,
    "remove": 3,
    "state": 6,
    "fail": 1,
    "put": 2,
    "delete": 1,
    "end_guard": 1,
    "gap": 1,
}

OF_SESSIONS = ("operate", "seconds", "beat", "list")
"""What is restored after a loss, and what changes no pool for long: other changes are lost, and named."""


class Drawing:
    """Acts that are drawn while they are played, from what the model knows then."""

    def __init__(self, play: Play, seed: int) -> None:
        self._model, self._random, self._play = play.model, Random(seed), play
        self._serial = 0
        self.acts: list[Act] = []
        rng = self._random
        self._types = {"video": ["large"]} if rng.random() < 0.4 else {}
        self._policy = "jlmu" if self._types else rng.choice([*PLACING])
        self._lease = rng.choice([0, 0, 5, 60])
        self._weights = {kind: weight * rng.choice([0, 1, 1, 3]) for kind, weight in WEIGHTS.items()}
        self._weights["operate"] = 40
        self._moves = 12 * (rng.random() < 0.3)
        """Pools fall silent, and their sessions move, unless 0."""

    async def __aiter__(self) -> AsyncIterator[Act]:
        for act in self._draw():
            self.acts.append(act)
            yield act

    def _draw(self) -> Iterator[Act]:
        rng = self._random
        yield Act("put", words=self._put())
        for _ in range(rng.randint(1, 2)):
            yield from self._some(rng.randint(4, 25))
            yield from self._silence()
            yield Act("copy")
            yield from self._some(rng.randint(1, 12), OF_SESSIONS)
            if rng.random() < 0.3:
                yield Act("stop", rng.randrange(DISPATCHERS))
                yield from self._some(rng.randint(0, 2), OF_SESSIONS)
            yield Act("seconds", words=(rng.randint(0, 3) if self._moves else 0,))
            yield Act("lose", rng.randrange(DISPATCHERS), (rng.randrange(3),))
            yield from self._some(rng.randint(0, 8))
            yield from (Act("go_on", number) for number in range(DISPATCHERS))
            yield from self._some(rng.randint(0, 8))
            yield Act("settle", rng.randrange(DISPATCHERS))

    def _silence(self) -> Iterator[Act]:
        """Pools send a last heartbeat, and are lost; nothing where their silence is not the subject."""
        if self._moves:
            yield Act("beat", words=(2, *self._pools()))
            yield Act("seconds", words=(3,))

    def _some(self, count: int, kinds: Collection[str] = WEIGHTS) -> Iterator[Act]:
        for _ in range(count):
            by = self._random.randrange(DISPATCHERS)
            [drawn] = self._random.choices([*kinds], [self._weights[kind] for kind in kinds])
            words = getattr(self, f"_{drawn}", tuple)  # an act without a method has no words
            yield Act(drawn, by, words())

    def _session(self, *, new: float = 0.0) -> str:
        known = sorted(self._model.sessions)
        if self._random.random() < new or not known:
            self._serial += 1
            return f"s{self._serial}"
        return self._random.choice(known)

    def _pool(self) -> str:
        return self._random.choice(sorted(self._model.pools) or ["none"])

    def _pools(self) -> tuple[str, ...]:
        pools = sorted(self._model.pools)
        return tuple(self._random.sample(pools, self._random.randint(min(1, len(pools)), min(4, len(pools)))))

    def _operate(self) -> tuple[Any, ...]:
        return tuple(self._operation() for _ in range(self._random.choice([1, 1, 2, 4])))

    def _operation(self) -> tuple[str, str, str, str]:
        rng = self._random
        kind = rng.choices(["assign", "complete", "renew", "report"], [9, 6, 3, 3 + self._moves])[0]
        lease = rng.choice(LEASES)
        session_type = rng.choice([*self._types, "default"])
        if kind == "assign":
            option = rng.choice(["", " touch"]) + type_option(session_type)
            return kind, self._session(new=0.9), lease, option
        if kind == "complete":
            return kind, self._session(new=0.05), "", rng.choice(["", UNMARKED])
        if kind == "renew":
            return kind, self._session(), lease or "30", ""
        id_ = self._fleeing() if self._moves and rng.random() < 0.7 else self._session(new=0.4)
        return kind, id_, lease, report_option(self._pool(), session_type=session_type)

    def _fleeing(self) -> str:
        """A session on the pool that is gone first."""
        model = self._model
        known = {id_: model.pools[one.pool] for id_, one in sorted(model.sessions.items()) if one.pool in model.pools}
        return min(known, key=lambda id_: known[id_].gone_at) if known else self._session(new=1)

    def _list(self) -> tuple[Any, ...]:
        """A pool's own list: mostly what it has; some lack one, some have one more."""
        pool, rng = self._pool(), self._random
        ids = [id_ for id_, session in self._model.sessions.items() if session.pool == pool]
        if ids and rng.random() < 0.4:
            ids.remove(rng.choice(ids))
        if rng.random() < 0.4:
            ids.append(self._session(new=1))
        return pool, *ids

    def _add(self) -> tuple[Any, ...]:
        rng = self._random
        ids = {f"x{rng.randint(1, 6)}" for _ in range(rng.randint(1, 3))}
        return rng.choice(["small", "large"]), *sorted(ids)

    def _move(self) -> tuple[Any, ...]:
        return self._pool(), self._random.choice(["small", "large"])

    def _remove(self) -> tuple[Any, ...]:
        return (self._pool(),)

    _fail = _remove

    def _state(self) -> tuple[Any, ...]:
        rng = self._random
        status = rng.choice(["active", "active", "draining", "draining", "failed"])
        then = rng.choice(["", "list", "fail"]) if status == "draining" else ""
        pools: Any = rng.choice(["small", "large"]) if rng.random() < 0.2 else self._pools()
        return status, rng.choice([1.0, 3.0, 10.0]), then, pools

    def _beat(self) -> tuple[Any, ...]:
        return self._random.choice([2, 4, 30]), *self._pools()

    def _put(self) -> tuple[Any, ...]:
        rng = self._random
        pools = {"small": rng.randint(0, 3), "large": rng.randint(1, 3)}
        types = self._types if not self._types or rng.random() < 0.7 else {"video": ["small", "large"]}
        return (document(self._policy, pools, rng.choice([2, 2, 3]), self._lease, types),)

    def _seconds(self) -> tuple[Any, ...]:
        return (self._random.choice([1, 1, 1, 2, 4]),)

    def _gap(self) -> tuple[Any, ...]:
        return (self._random.choice([3.0, 8.0, 70.0]),)


Judge = Callable[[Sequence[Act]], Awaitable[Sequence[Violation]]]


async def shortest(acts: Sequence[Act], rule: str, judge: Judge) -> list[Act]:
    """The acts without all that can be left out while the same rule is violated, and each with as few operations."""
    left, size = list(acts), max(1, len(acts) // 2)
    is_violated = partial(_is_violated, rule, judge)
    while size:
        at = 0
        while at < len(left):
            fewer = left[:at] + left[at + size :]
            if await is_violated(fewer):
                left = fewer
            else:
                at += size
        size //= 2
    for at in [at for at, act in enumerate(left) if act.kind == "operate"]:
        for word in left[at].words:
            fewer = [*left]
            fewer[at] = left[at]._replace(words=tuple(one for one in left[at].words if one is not word))
            left = fewer if fewer[at].words and await is_violated(fewer) else left
    return left


async def _is_violated(rule: str, judge: Judge, acts: Sequence[Act]) -> bool:
    return any(violation.rule == rule for violation in await judge(acts))
