"""Retry policy with backoff, jitter and a budget."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from slta_loadgen.client import Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Retry policy: full jitter below a limit that doubles from `first_delay_seconds` to `longest_delay_seconds`.

    The budget allows one retry per ten calls (`budget_ratio`) plus `budget_reserve`, which limits the load on a
    failing service. Unsettled sessions are retried every `settle_every_seconds`.
    """

    attempts: int = 4
    first_delay_seconds: float = 0.05
    longest_delay_seconds: float = 1.0
    budget_ratio: float = 0.1
    budget_reserve: float = 100.0
    settle_every_seconds: float = 1.0

    def delay_seconds(self, retry: int, rng: random.Random) -> float:
        """Delay before retry 0, 1, …"""
        bound = min(self.longest_delay_seconds, self.first_delay_seconds * 2**retry)
        return rng.uniform(0.0, bound)


class FinalReply(NamedTuple):
    """Last reply to a call and its retries.

    `in_doubt`: no reply was final, and an attempt may have been applied.
    """

    reply: Reply
    retries: int
    in_doubt: bool


class Retrying:
    """Retries calls within one shared budget."""

    def __init__(self, policy: RetryPolicy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._budget = policy.budget_reserve

    async def answer(self, send: Callable[[], Awaitable[Reply]]) -> FinalReply:
        """Send until a reply is final or the attempts or the budget are exhausted."""
        self._budget = min(self._policy.budget_reserve, self._budget + self._policy.budget_ratio)
        retries, in_doubt = 0, False
        while True:
            reply = await send()
            if reply.is_final:
                return FinalReply(reply, retries, in_doubt=False)
            in_doubt = in_doubt or reply.may_have_happened
            if retries + 1 >= self._policy.attempts or self._budget < 1:
                return FinalReply(reply, retries, in_doubt)
            self._budget -= 1
            await asyncio.sleep(self._policy.delay_seconds(retries, self._rng))
            retries += 1
