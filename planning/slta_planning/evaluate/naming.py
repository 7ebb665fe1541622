"""Pool numbers from the names in a log: `<class>-<k>`, or any name with a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from slta.core.limits import MAX_POOLS
from slta_planning.evaluate.entries import Entry

UNKNOWN = -1


class Naming:
    """Numbers pools in order of first appearance; `places` then gives their positions."""

    def __init__(self, declared: Mapping[str, int]) -> None:
        """`declared` is the fleet file's pools of each class; 0: as many as the log has."""
        self._most = {name: pools or MAX_POOLS for name, pools in declared.items()}
        self._pools = dict(declared)
        self._numbers: dict[tuple[str, str | None], int] = {}
        self._seen: list[tuple[str, int]] = []
        self._in_column = dict.fromkeys(declared, 0)

    def number(self, entry: Entry) -> int:
        """Number of the entry's pool, or UNKNOWN."""
        key = (entry.pool, entry.pool_class)
        number = self._numbers.get(key)
        return self._new(key) if number is None else number

    def _new(self, key: tuple[str, str | None]) -> int:
        name, index = self._by_name(key[0]) if key[1] is None else self._by_class(key[1])
        if not 0 <= index < self._most.get(name, 0):
            return UNKNOWN
        self._pools[name] = max(self._pools[name], index + 1)
        self._numbers[key] = len(self._seen)
        self._seen.append((name, index))
        return self._numbers[key]

    def _by_name(self, pool: str) -> tuple[str, int]:
        name, _, number = pool.rpartition("-")
        is_number = number.isascii() and number.isdigit() and len(number) < 10 and number[0] != "0"
        return name, int(number) - 1 if is_number else UNKNOWN

    def _by_class(self, name: str) -> tuple[str, int]:
        index = self._in_column.get(name, 0)
        if index < self._most.get(name, 0):
            self._in_column[name] = index + 1
        return name, index

    def pools(self, classes: Sequence[str]) -> list[int]:
        """A(i): from the fleet file, or else from the log."""
        return [self._pools[name] for name in classes]

    def places(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """Position of each numbered pool when pools are counted class by class."""
        first = dict(zip(classes, np.cumsum([0, *self.pools(classes)]), strict=False))
        return np.array([first[name] + index for name, index in self._seen], dtype=np.int64)
