"""Live sessions of the proxy: those that began and have not ended, in memory and, as lines, in a file.

The file survives the end of the process, not that of the machine: it is not synced.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from slta_integrations.follow.log_line import Alive, Begin, End, Start, parse

MAX_SESSIONS = 200_000
"""Beyond, the oldest are forgotten: they end with their leases."""
MAX_OLD_LINES = 10_000
"""Lines of ended sessions, beside one for each live one, with which the file is left."""


class Renewal(NamedTuple):
    """A live session of a proxy that lives."""

    session_id: str


class LiveSessions:
    """Begins by session id, the oldest first. One without an instance is neither counted nor renewed."""

    def __init__(self, path: Path) -> None:
        """Continue the file, if there is one. Raises OSError."""
        self._path = path
        self._begins: OrderedDict[str, Begin] = OrderedDict()
        self._started: dict[str, Start] = {}
        self._unsaved: list[str] = []
        self.count = 0
        for text in path.read_bytes().splitlines() if path.exists() else ():
            if isinstance(line := parse(text), Begin | End | Start):
                self.note(line)
        self._lines = math.inf
        """Of the file; infinite if it is to be written anew."""

    def has(self, session_id: str) -> bool:
        """Whether it began and did not end."""
        return session_id in self._begins

    def note(self, line: Begin | End | Start) -> None:
        """Add what slta has answered."""
        if isinstance(line, Start):
            self._started[proxy_of(line.instance)] = line
        else:
            self._forget(line.session_id)
        if isinstance(line, Begin):
            self._begins[line.session_id] = line
            self.count += line.instance is not None
            if len(self._begins) > MAX_SESSIONS:
                self._forget(next(iter(self._begins)))
        self._unsaved.append(_written(line))

    def _forget(self, session_id: str) -> None:
        begin = self._begins.pop(session_id, None)
        self.count -= begin is not None and begin.instance is not None

    def due(self, sign: Start | Alive) -> list[End | Renewal]:
        """The ends of sessions whose instance is gone, and the others of the proxy. O(sessions)."""
        proxy = proxy_of(sign.instance)
        is_first = isinstance(sign, Start) and self._started.get(proxy) != sign
        return [
            End(begin.session_id, None, 0)
            if is_first and begin.instance != sign.instance
            else Renewal(begin.session_id)
            for begin in self._begins.values()
            if begin.instance and proxy_of(begin.instance) == proxy
        ]

    def save(self) -> None:
        """Append to the file, or write it anew if most of it is of ended sessions. Raises OSError."""
        if not self._unsaved and self._lines < math.inf:
            return
        lines, self._lines = self._lines + len(self._unsaved), math.inf  # a cut line must not be continued
        if lines > len(self._begins) + MAX_OLD_LINES:
            kept = [*map(_written, self._started.values()), *map(_written, self._begins.values())]
            new = self._path.with_suffix(".new")
            new.write_text("".join(kept), encoding="ascii")
            new.replace(self._path)
            lines = len(kept)
        else:
            with self._path.open("a", encoding="ascii") as stream:
                stream.writelines(self._unsaved)
        self._lines = lines
        self._unsaved.clear()


def proxy_of(instance: str) -> str:
    """The proxy of which it is a process."""
    return instance.rpartition(":")[0]


def _written(line: Begin | End | Start) -> str:
    match line:
        case Begin():
            words = ["begin", line.session_id, line.pool_id, line.session_type or "-", line.instance or "-"]
        case End():
            words = ["end", line.session_id, "-", "-"]
        case Start():
            words = ["start", line.instance]
    return f"slta1 {' '.join(words)}\n"
