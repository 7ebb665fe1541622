"""File that exists while slta has a pool of the agent: another process of the host can wait until it is gone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class PresenceFile:
    """The file, or nothing without a path."""

    def __init__(self, path: Path | None) -> None:
        """Raises OSError if the file cannot be made."""
        self._path = path
        self._is_present = False
        if path:
            path.touch()
            path.unlink()

    def show(self, *, is_present: bool) -> None:
        """Make or remove the file. A failure is not shown: the pool is more important."""
        if self._path and is_present != self._is_present:
            with suppress(OSError):
                if is_present:
                    self._path.touch()
                else:
                    self._path.unlink(missing_ok=True)
                self._is_present = is_present
