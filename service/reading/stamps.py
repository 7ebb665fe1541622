"""Whether a file is the one that was read."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[int, int, int] | None


def stamp_of(path: Path | None) -> Stamp:
    """Differs once the file was written or replaced; None where there is none."""
    try:
        status = os.stat(path) if path else None  # noqa: PTH116 - path may be None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None
