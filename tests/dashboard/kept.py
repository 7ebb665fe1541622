"""A history in the store as if a fleet had been as it is now for an hour."""

from __future__ import annotations

from typing import Any

from redis import Redis

SECOND = 1_000_000
LINES = 61


def prolong(redis: Redis, fleet: str) -> None:
    """Continue the two newest lines of integrals backwards to the beginning of each window."""
    newer, older = (_numbers(line) for line in redis.lrange(f"{{{fleet}}}:past:60", 0, 1))
    version, *_ = newer
    elapsed = newer[1] - older[1]
    for window in (300, 3600):
        key = f"{{{fleet}}}:past:{window}"
        redis.delete(key)
        for number in range(LINES):
            share = number * window / 60 * SECOND / elapsed
            words = [n - share * (n - o) for n, o in zip(newer[1:], older[1:], strict=True)]
            line = [f"{version:.0f}", f"{words[0]:.0f}", *(f"{word:.17g}" for word in words[1:]), "# 0 0 0"]
            redis.rpush(key, " ".join(line))


def _numbers(line: Any) -> list[float]:
    return [float(word) for word in line.split(b" # ")[0].split(b"|")[0].split()]
