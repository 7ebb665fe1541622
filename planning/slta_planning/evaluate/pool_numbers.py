"""Pool numbers from the names in a log: `<class>-<k>`, names that `--map` assigns to a class, or any with a class."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slta.cli.error_messages import UserError
from slta.core.limits import MAX_POOLS
from slta_planning.evaluate.entries import Entry
from slta_planning.text import counted, some

UNKNOWN = -1


class NameMap(NamedTuple):
    """`--map PATTERN=CLASS`: servers whose whole name matches are pools of the class."""

    pattern: re.Pattern[str]
    pool_class: str


class PoolNumbers:
    """Numbers pools in order of first appearance; `places` then gives their positions."""

    def __init__(self, declared: Mapping[str, int], maps: Sequence[NameMap] = ()) -> None:
        """`declared` is the fleet file's pools of each class; 0: as many as the log has. Of `maps` the first counts.

        Raises UserError if one has another class.
        """
        self._declared = declared
        unknown = [one.pool_class for one in maps if one.pool_class not in declared]
        if unknown:
            raise UserError(f"--map: the fleet file has no class {unknown[0]!r}; its classes are {', '.join(declared)}")
        self._most = {name: pools or MAX_POOLS for name, pools in declared.items()}
        self._maps = maps
        self._numbers: dict[tuple[str, str | None], int] = {}
        self._seen: list[tuple[str, int]] = []
        """Class and index of each number; mapped servers have the index UNKNOWN until all are known."""
        self._mapped: dict[str, dict[str, int]] = {name: {} for name in declared}
        """Numbers of the mapped servers, by class and name."""
        self._in_column = dict.fromkeys(declared, 0)

    def number(self, entry: Entry) -> int:
        """Number of the entry's pool, or UNKNOWN."""
        key = (entry.pool, entry.pool_class)
        number = self._numbers.get(key)
        return self._new(key) if number is None else number

    def _new(self, key: tuple[str, str | None]) -> int:
        mapped = self._by_map(key[0]) if key[1] is None else None
        if mapped is not None:
            self._mapped[mapped][key[0]] = len(self._seen)
            return self._append(key, mapped, UNKNOWN)
        name, index = self._by_name(key[0]) if key[1] is None else self._by_class(key[1])
        return self._append(key, name, index) if 0 <= index < self._most.get(name, 0) else UNKNOWN

    def _append(self, key: tuple[str, str | None], name: str, index: int) -> int:
        self._numbers[key] = len(self._seen)
        self._seen.append((name, index))
        return self._numbers[key]

    def class_of(self, number: int) -> str:
        """Class of a numbered pool."""
        return self._seen[number][0]

    def _by_map(self, server: str) -> str | None:
        return next((one.pool_class for one in self._maps if one.pattern.fullmatch(server)), None)

    def _by_name(self, pool: str) -> tuple[str, int]:
        name, _, number = pool.rpartition("-")
        is_number = number.isascii() and number.isdigit() and len(number) < 10 and number[0] != "0"
        return name, int(number) - 1 if is_number else UNKNOWN

    def _by_class(self, name: str) -> tuple[str, int]:
        index = self._in_column.get(name, 0)
        if index < self._most.get(name, 0):
            self._in_column[name] = index + 1
        return name, index

    def number_mapped(self) -> None:
        """Give mapped servers the free indices of their class, in order of their names' numbers, after the last line.

        Raises UserError if the fleet file has fewer pools.
        """
        for name, servers in self._mapped.items():
            free = self._free(name)
            for server, index in zip(sorted(servers, key=natural), free, strict=False):
                self._seen[servers[server]] = (name, index)
            if any(self._seen[number][1] == UNKNOWN for number in servers.values()):
                raise UserError(
                    f"--map makes {len(servers):,} servers pools of class {name}, and the fleet file has "
                    f"{self._declared[name]:,}: {some(sorted(servers, key=natural))}. Raise its pools or narrow --map"
                )

    def _free(self, name: str) -> Iterator[int]:
        used = {index for of, index in self._seen if of == name}
        return (index for index in range(self._most[name]) if index not in used)

    def servers(self) -> dict[str, str]:
        """The pool of each mapped server, `<class>-<k>`."""
        return {
            server: f"{name}-{self._seen[servers[server]][1] + 1}"
            for name, servers in self._mapped.items()
            for server in sorted(servers, key=natural)
        }

    def unstable(self) -> Iterator[str]:
        """Classes whose mapped servers are fewer than the file's pools: others may shift the numbers."""
        for name, servers in self._mapped.items():
            missing = self._declared[name] - len({index for of, index in self._seen if of == name})
            if servers and missing > 0:
                yield (
                    f"{counted(missing, 'pool')} of {name} without a server in this log: another log may number the "
                    "servers differently; one with a session on every server gives stable names"
                )

    def remedy(self, names: Sequence[str]) -> str:
        """What to do about unknown pools of these names."""
        beyond = sorted({self._by_name(name)[0] for name in names} & self._declared.keys())
        if beyond:
            return f"the fleet file has {' and '.join(f'{self._declared[name]:,} pools of {name}' for name in beyond)}"
        patterns = dict.fromkeys(f"--map '{pattern_of(name)}=CLASS'" for name in names)
        return f"map them with {' '.join(patterns)}, CLASS one of {', '.join(self._declared)}"

    def pools(self, classes: Sequence[str]) -> list[int]:
        """A(i): from the fleet file, or else from the log."""
        return [max([self._declared[name], *(k + 1 for of, k in self._seen if of == name)]) for name in classes]

    def places(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """Position of each numbered pool when pools are counted class by class."""
        first = dict(zip(classes, np.cumsum([0, *self.pools(classes)]), strict=False))
        return np.array([first[name] + index for name, index in self._seen], dtype=np.int64)


def natural(name: str) -> list[str | tuple[int, str]]:
    """Sort key by which srv-9 precedes srv-10. Numbers of any length: int() accepts 4,300 digits at most."""
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if k % 2 else part for k, part in enumerate(parts)]


def pattern_of(name: str) -> str:
    r"""Pattern of names that differ in their numbers: `srv-(\d+)` for srv-1."""
    return re.sub(r"[0-9]+", r"(\\d+)", re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", name))
