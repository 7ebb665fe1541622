"""Logs as a proxy and logrotate write them, and what a tail reads of them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slta_integrations.follow.log_tail import LogTail
from slta_integrations.follow.position import Position


@dataclass
class Clock:
    """A time that a test moves; 2026 in seconds since 1970, beyond the times of the files."""

    now: float = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Log:
    """A log that is written and rotated. Each write has a later time of modification than the one before."""

    path: Path
    writes: int = 0

    def write(self, *lines: str, end: str = "\n", path: Path | None = None) -> None:
        with (path or self.path).open("a") as stream:
            stream.write("".join(line + end for line in lines))
        self.stamp(path or self.path)

    def stamp(self, path: Path) -> None:
        self.writes += 1
        os.utime(path, ns=(0, 1_800_000_000_000_000_000 + self.writes * 1_000_000))

    def rename(self) -> Path:
        """logrotate: LOG.1 becomes LOG.2, LOG becomes LOG.1."""
        self._make_room()
        return self.path.rename(self.rotated(1))

    def _make_room(self) -> None:
        for number in range(9, 0, -1):
            if (older := self.rotated(number)).exists():
                older.rename(self.rotated(number + 1))

    def copy_and_truncate(self) -> None:
        self._make_room()
        shutil.copyfile(self.path, self.rotated(1))
        self.stamp(self.rotated(1))
        os.truncate(self.path, 0)
        self.stamp(self.path)

    def rotated(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


@dataclass
class Tailed:
    """A tail that can be started again where it was."""

    log: Log
    clock: Clock = field(default_factory=Clock)
    gaps: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    tail: LogTail | None = None

    def __post_init__(self) -> None:
        self.start(None)

    def start(self, position: Position | None) -> None:
        self.close()
        options = {"rotate_wait_seconds": 0, **self.options}
        self.tail = LogTail(self.log.path, position, clock=self.clock, on_gap=self.gaps.append, **options)

    def close(self) -> None:
        if self.tail:
            self.tail.close()

    def restart(self) -> None:
        position = self.tail.position
        self.start(position)

    def read(self, limit: int = 1000) -> list[str | None]:
        """All lines until there is none."""
        lines: list[str | None] = []
        for _ in range(30):  # a batch ends where a file does
            self.tail.look()
            lines += [None if line.text is None else line.text.decode() for line in self.tail.read(limit).lines]
        return lines
