"""A byte budget: limits the bytes in memory at a time, in total and per name."""

from __future__ import annotations


class ByteBudget:
    """Budget of `limit` bytes, of which one name may use `limit_per_name`. `acquire` fails instead of blocking."""

    def __init__(self, limit: int, limit_per_name: int) -> None:
        self._limit = limit
        self._limit_per_name = limit_per_name
        self.used = 0
        """Bytes currently acquired."""
        self._by_name: dict[str, int] = {}

    def acquire(self, name: str, count: int) -> bool:
        """Acquire `count` bytes, to be released with `release`; False if they exceed a limit."""
        name_bytes = self._by_name.get(name, 0) + count
        if name_bytes > self._limit_per_name or self.used + count > self._limit:
            return False
        self._by_name[name] = name_bytes
        self.used += count
        return True

    def release(self, name: str, count: int) -> None:
        """Release `count` acquired bytes."""
        self.used -= count
        left = self._by_name.pop(name) - count
        if left:
            self._by_name[name] = left
