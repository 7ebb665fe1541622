"""File change detection by mtime, size and inode."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[int, int, int] | None


def stamp_of(path: Path | None) -> Stamp:
    """Stamp that changes when the file is written or replaced; None if the file does not exist."""
    try:
        status = os.stat(path) if path else None  # noqa: PTH116 - path may be None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None
