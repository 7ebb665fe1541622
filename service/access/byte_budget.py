"""A bound on the bytes that are held at a time: in all, and by name."""

from __future__ import annotations


class ByteBudget:
    """`most` bytes in all, of which one name has at most `most_by_name`. Nobody waits for what is not there."""

    def __init__(self, most: int, most_by_name: int) -> None:
        self._most = most
        self._most_by_name = most_by_name
        self._held = 0
        self._by_name: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    def take(self, name: str, count: int) -> bool:
        """Whether `count` more bytes fit; then they are held until they are given back."""
        of_name = self._by_name.get(name, 0) + count
        if of_name > self._most_by_name or self._held + count > self._most:
            return False
        self._by_name[name] = of_name
        self._held += count
        return True

    def give_back(self, name: str, count: int) -> None:
        """`count` bytes that were taken are held no more."""
        self._held -= count
        left = self._by_name.pop(name) - count
        if left:
            self._by_name[name] = left
