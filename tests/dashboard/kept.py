"""A history in the store as if a fleet had been as it is now for an hour."""

from __future__ import annotations

from typing import Any

from redis import Redis

SECOND = 1_000_000
LINES = 61


def prolong(redis: Redis, fleet: str) -> None:
    """Continue the two newest lines of integrals backwards to the beginning of each window."""
    newer, older = (_words(line) for line in redis.lrange(f"{{{fleet}}}:past:60", 0, 1))
    elapsed = float(newer[1]) - float(older[1])
    for window in (300, 3600):
        key = f"{{{fleet}}}:past:{window}"
        redis.delete(key)
        for number in range(LINES):
            share = number * window / 60 * SECOND / elapsed
            words = [_before(n, o, share) for n, o in zip(newer[1:], older[1:], strict=True)]
            redis.rpush(key, " ".join([newer[0], str(round(float(words[0]))), *words[1:], "# 0 0 0 0"]))


def _before(newer: str, older: str, share: float) -> str:
    """A number as much before `newer`; the slash before those of types stays."""
    return newer if newer == "/" else f"{float(newer) - share * (float(newer) - float(older)):.17g}"


def _words(line: Any) -> list[str]:
    words: list[str] = line.decode().partition(" # ")[0].partition(" | ")[0].split()
    return words
