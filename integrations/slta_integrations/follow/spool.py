"""Spool: log on disk of received lines, in segments that are removed once slta has answered them.

It survives the end of the process, not that of the machine: it is not synced.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path

SEGMENT_BYTES = 16 << 20


class Spool:
    """Appends lines to `path`, which is renamed to `<path>.<time>` when it is full; `LogTail` reads them."""

    def __init__(self, path: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Create or continue the log. Raises OSError."""
        self.path = path
        self._segment_bytes = segment_bytes
        self._open()
        if self._size and os.pread(self._stream.fileno(), 1, self._size - 1) != b"\n":
            self.append([b""])

    def _open(self) -> None:
        self._stream = self.path.open("ab+", buffering=0)
        self._size = os.fstat(self._stream.fileno()).st_size

    def append(self, lines: Sequence[bytes]) -> None:
        """Append lines without their line ends. Raises OSError; then a part of them may have been written."""
        if self._size >= self._segment_bytes:
            self._stream.close()
            self.path.rename(f"{self.path}.{time.time_ns()}")
            self._open()
        data = b"".join(line + b"\n" for line in lines)
        written = self._stream.write(data)
        self._size += written
        if written < len(data):
            raise OSError(f"{self.path}: only {written} of {len(data)} bytes were written")

    def remove_read(self, unread: Collection[int]) -> None:
        """Remove the full segments whose inodes are not among `unread`."""
        for segment in self.path.parent.glob(f"{self.path.name}.*"):
            if segment.stat().st_ino not in unread:
                segment.unlink()

    def close(self) -> None:
        self._stream.close()
