"""Tail of a log: reads its lines in order across rotations, by renaming and by copying and truncating."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from slta_integrations.follow.checkpoints import Checkpoints, Place
from slta_integrations.follow.log_files import LogFile, current_file, find, inode_at, written_since
from slta_integrations.follow.position import Position

MAX_LINE_BYTES = 64 * 1024
CHUNK_BYTES = 4 * MAX_LINE_BYTES
ROTATE_WAIT_SECONDS = 1.0
"""A writer may reopen its log a little later than another: the old file is left so long after the new one has lines."""

Gap = Literal["gone", "truncated"]
"""Why lines of unknown number are missing: the file was removed or compressed; or truncated without a copy."""


class TailLine(NamedTuple):
    """A line, or None for one over `MAX_LINE_BYTES`; it was written after `written_after`, seconds since 1970.

    Of a line that the log once ended in, `rest` is what came later: the next line, if a writer left the first half.
    """

    text: bytes | None
    written_after: float
    rest: bytes = b""


@dataclass
class Batch:
    """Lines in order, and the position behind them."""

    position: Position
    lines: list[TailLine] = field(default_factory=list)
    cut: int = 0
    """Last lines of left files that have no line end."""


class LogTail:
    """Tail of the log at `path`; `look` and `read` never block for longer than the disk does."""

    def __init__(
        self,
        path: Path,
        position: Position | None,
        *,
        max_backlog: float = float("inf"),
        rotate_wait_seconds: float = ROTATE_WAIT_SECONDS,
        clock: Callable[[], float] = time.time,
        on_gap: Callable[[Gap], None] = lambda _: None,
    ) -> None:
        """Without a position it begins at the end of the log. A rotated file is dropped beyond `max_backlog` bytes."""
        self._path = path
        self._max_backlog = max_backlog
        self._rotate_wait = rotate_wait_seconds
        self._clock = clock
        self._on_gap = on_gap
        self._generation = 0
        self._is_skipping = False
        self._filled_at: float | None = None
        """When the newest file was first seen with lines."""
        self.dropped: list[tuple[LogFile, int]] = []
        """Files that were dropped, and from which offset; the caller closes them."""
        now = clock()
        self._files: list[LogFile] = []
        self._left = position.left if position else None
        self._files, self._offset = self._begin() if position is None else self._resume(position)
        self._checkpoints = Checkpoints(self._place, position.seen_at if position else now)

    def _begin(self) -> tuple[list[LogFile], int]:
        files = current_file(self._path)
        return files, files[0].end if files else 0

    def _resume(self, position: Position) -> tuple[list[LogFile], int]:
        if position.inode is None:
            return self._written_since(_nanoseconds(position.seen_at)), 0
        found = find(self._path, position)
        if found is None:
            self._on_gap("truncated" if inode_at(self._path) == position.inode else "gone")
            return self._written_since(_nanoseconds(position.seen_at)), 0
        return [found], position.offset

    def _written_since(self, modified: int) -> list[LogFile]:
        return written_since(self._path, modified, {*self.inodes, self._left})

    @property
    def _place(self) -> Place:
        return self._generation, self._offset

    @property
    def backlog(self) -> int:
        """Bytes that were not read."""
        return max(0, sum(file.size for file in self._files) - self._offset)

    @property
    def waiting_since(self) -> float | None:
        """Time after which the first line that was not read was written; None if there is none."""
        return self._checkpoints.written_after(self._place) if self.backlog > 0 else None

    @property
    def inodes(self) -> set[int]:
        """Inodes of the files that were not read to their end."""
        return {file.inode for file in self._files}

    @property
    def position(self) -> Position:
        """Position behind the last line that was read."""
        seen_at = self._checkpoints.written_after(self._place)
        if not self._files:
            return Position(None, 0, "", seen_at, self._left)
        file = self._files[0]
        return Position(file.inode, self._offset, file.digest(self._offset), seen_at, self._left)

    def look(self) -> None:
        """Look for new lines, new files and truncation, and note where the log ends now."""
        now = self._clock()
        self._follow_path()
        last = max(0, len(self._files) - 1)
        end = self._files[last].end if self._files else 0
        if last and end and self._filled_at is None:
            self._filled_at = now
        self._checkpoints.saw_end((self._generation + last, end), now)
        while len(self._files) > 1 and self.backlog > self._max_backlog:
            offset = self._offset
            self.dropped.append((self._leave(), offset))

    def _follow_path(self) -> None:
        if not self._files:
            self._files = current_file(self._path)
            return
        last = self._files[-1]
        is_intact = last.see()
        if inode_at(self._path) not in {None, last.inode}:
            self._append(self._written_since(last.modified))
        elif not is_intact:
            self._restart(last)

    def _append(self, files: list[LogFile]) -> None:
        self._files += files
        self._filled_at = None

    def _restart(self, last: LogFile) -> None:
        """The file at the path was truncated: what was not read of it is in a copy and later ones, or lost."""
        copy = last.copy_in(self._path)
        if copy is None:
            self._append(current_file(self._path))
            self._on_gap("truncated")
            last.lose()
            return
        self._append(self._written_since(copy.modified))
        self._files[self._files.index(last)] = copy
        last.close()

    def read(self, limit: int) -> Batch:
        """The next lines: at most `limit`, and at most a chunk of one file."""
        if not self._files:
            return Batch(self.position)
        data = self._files[0].read(self._offset, CHUNK_BYTES)
        lines, used = self._split(data, limit)
        self._offset += used
        cut = 0
        if not used and self._may_leave():
            cut = int(bool(data))
            self._leave().close()
        return Batch(self.position, lines, cut)

    def _split(self, data: bytes, limit: int) -> tuple[list[TailLine], int]:
        """Whole lines, and the number of bytes that they and skipped ones take."""
        lines: list[TailLine] = []
        start = 0
        while len(lines) < limit and start < len(data):
            end = data.find(b"\n", start)
            if end < 0 and not self._is_skipping and len(data) - start <= MAX_LINE_BYTES:
                break
            text = data[start:end] if start <= end <= start + MAX_LINE_BYTES else None
            if not self._is_skipping:
                place = self._generation, self._offset + start
                written_after = self._checkpoints.written_after(place)
                seen = self._checkpoints.last_end(place, len(text or b""))
                lines.append(TailLine(text, written_after, text[seen:] if text and seen else b""))
            self._is_skipping = end < 0
            start = len(data) if end < 0 else end + 1
        return lines, start

    def _may_leave(self) -> bool:
        """Whether nobody writes to the first file any more."""
        if len(self._files) != 2:
            return len(self._files) > 2
        return self._filled_at is not None and abs(self._clock() - self._filled_at) >= self._rotate_wait

    def _leave(self) -> LogFile:
        self._generation += 1
        self._offset = 0
        self._is_skipping = False
        self._left = self._files[0].inode
        return self._files.pop(0)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
