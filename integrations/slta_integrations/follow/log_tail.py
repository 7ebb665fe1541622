"""Tail of a log: reads its lines in order across rotations, by renaming and by copying and truncating.

A line may be read twice, as after a power failure: slta has it already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from slta_integrations.follow.log_files import LogFile, current_file, find, inode_at, written_since
from slta_integrations.follow.log_line import MARK
from slta_integrations.follow.position import Position

MAX_LINE_BYTES = 64 * 1024
CHUNK_BYTES = 4 * MAX_LINE_BYTES
ROTATE_WAIT_SECONDS = 1.0
"""A writer may reopen its log a little later than another: the old file is left so long after the new one has lines."""


class TailLine(NamedTuple):
    """A line, or None for one over `MAX_LINE_BYTES`.

    Of a line that the log was once seen to end in, `rest` is what came later: the next line, if a writer left a half.
    """

    text: bytes | None
    rest: bytes = b""


class Batch(NamedTuple):
    """Lines in order, written after `position.seen_at`, and the position behind them."""

    position: Position
    lines: list[TailLine]


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
        on_gap: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Without a position it begins at the end of the log. A rotated file is left beyond `max_backlog` bytes.

        `on_gap` gets why an unknown number of lines is missing: the file is `gone`, it was `truncated` without a copy,
        or it was left for the `backlog`.
        """
        self._path = path
        self._max_backlog = max_backlog
        self._rotate_wait = rotate_wait_seconds
        self._clock = clock
        self._on_gap = on_gap
        self._is_skipping = False
        self._left = position.left if position else None
        self._filled_at: float | None = None
        """When the newest file was first seen with lines."""
        self._seen_at = self._pinned_at = position.seen_at if position else clock()
        self._unread = 0
        """Bytes that were not read yet of those that there were at `_pinned_at`."""
        self._files = self._resume(position) if position else current_file(path)
        """Those that were not read to their end, the oldest first."""
        if position is None:
            self._offset = sum(file.end for file in self._files)

    def _resume(self, position: Position) -> list[LogFile]:
        self._offset = 0
        if position.inode is not None:
            if found := find(self._path, position.inode, position.head.encode("latin-1"), position.offset):
                self._offset = position.offset
                return [found]
            self._on_gap("truncated" if inode_at(self._path) == position.inode else "gone")
        return written_since(self._path, int(position.seen_at * 1e9), {position.left})

    @property
    def backlog(self) -> int:
        """Bytes that were not read."""
        return max(0, sum(file.size for file in self._files) - self._offset)

    @property
    def inodes(self) -> set[int]:
        """Inodes of the files that were not read to their end."""
        return {file.inode for file in self._files}

    @property
    def position(self) -> Position:
        """Position behind the last line that was read."""
        if not self._files:
            return Position(None, 0, "", self._seen_at, self._left)
        file = self._files[0]
        return Position(file.inode, self._offset, file.head.decode("latin-1"), self._seen_at, self._left)

    def look(self) -> None:
        """Look for new lines, new files and truncation, and note how much is there now."""
        now = self._clock()
        self._follow_path()
        if self._filled_at is None and len(self._files) > 1 and self._files[-1].end:
            self._filled_at = now
        while len(self._files) > 1 and self.backlog > self._max_backlog:
            self._leave()
            self._on_gap("backlog")
        backlog = self.backlog
        if self._unread <= 0 or not backlog:
            self._seen_at, self._pinned_at, self._unread = self._pinned_at if backlog else now, now, backlog

    def _follow_path(self) -> None:
        if not self._files:
            self._files = current_file(self._path)
            return
        last = self._files[-1]
        is_intact = last.see()
        if inode_at(self._path) not in {None, last.inode}:
            self._files += written_since(self._path, last.modified, {self._left, *self.inodes})
            self._filled_at = None
        elif not is_intact:
            self._restart(last)

    def _restart(self, last: LogFile) -> None:
        """The file at the path was truncated: what was not read of it is in a copy and later ones, or lost."""
        if copy := find(self._path, None, last.head, last.end) if last.head else None:
            self._files[-1:] = [copy, *written_since(self._path, copy.modified, {copy.inode, *self.inodes})]
        else:
            self._on_gap("truncated")
            self._offset *= len(self._files) > 1
            self._files[-1:] = current_file(self._path)
        self._filled_at = None
        last.close()

    def read(self, limit: int) -> Batch:
        """The next lines: at most `limit`, and at most a chunk of one file."""
        if not self._files:
            return Batch(self.position, [])
        data = self._files[0].read(self._offset, CHUNK_BYTES)
        lines, used = self._split(self._files[0], data, limit)
        self._offset += used
        self._unread -= used
        if not used and self._may_leave():
            lines = [TailLine(MARK)] * bool(data)  # a last line without an end is damaged
            self._leave()
        return Batch(self.position, lines)

    def _split(self, file: LogFile, data: bytes, limit: int) -> tuple[list[TailLine], int]:
        """Whole lines, and the number of bytes that they and skipped ones take."""
        lines: list[TailLine] = []
        start = 0
        while len(lines) < limit and start < len(data):
            end = data.find(b"\n", start)
            if end < 0 and not self._is_skipping and len(data) - start <= MAX_LINE_BYTES:
                break
            text = data[start:end] if start <= end <= start + MAX_LINE_BYTES else None
            if not self._is_skipping:
                half = file.half(self._offset + start, self._offset + end) - self._offset - start
                lines.append(TailLine(text, text[half:] if text and half else b""))
            self._is_skipping = end < 0
            start = len(data) if end < 0 else end + 1
        return lines, start

    def _may_leave(self) -> bool:
        """Whether nobody writes to the first file any more."""
        if len(self._files) != 2:
            return len(self._files) > 2
        return self._filled_at is not None and abs(self._clock() - self._filled_at) >= self._rotate_wait

    def _leave(self) -> None:
        file = self._files.pop(0)
        self._left, self._offset, self._is_skipping = file.inode, 0, False
        file.close()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
