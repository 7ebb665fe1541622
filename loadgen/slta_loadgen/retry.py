"""Retry policy with backoff, jitter and a budget."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from slta_client.breaker import RetryBudget
from slta_client.replies import Reply
from slta_client.rules import bound_seconds


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
        return rng.uniform(0.0, bound_seconds(retry, self.first_delay_seconds, self.longest_delay_seconds))


REJECTIONS = frozenset({"no_capacity", "no_active_pool"})
"""Codes of rejections for lack of room: results of a load, which are not asked for again."""


def is_final(reply: Reply) -> bool:
    """True if a retry cannot change the result."""
    return reply.code in REJECTIONS or not reply.may_pass


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
        self._budget = RetryBudget(policy.budget_reserve, policy.budget_ratio)

    async def answer(self, send: Callable[[], Awaitable[Reply]]) -> FinalReply:
        """Send until a reply is final or the attempts or the budget are exhausted."""
        self._budget.earn()
        retries, in_doubt = 0, False
        while True:
            reply = await send()
            if is_final(reply):
                return FinalReply(reply, retries, in_doubt=False)
            in_doubt = in_doubt or reply.in_doubt
            if retries + 1 >= self._policy.attempts or not self._budget.spend():
                return FinalReply(reply, retries, in_doubt)
            await asyncio.sleep(self._policy.delay_seconds(retries, self._rng))
            retries += 1
