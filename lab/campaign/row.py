"""Row of the campaign's table: a scene, a load on it, a fault, and the judgement of what was seen."""

from __future__ import annotations

import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

Record = dict[str, Any]
"""A run as it is kept: `void` says why it does not count, `wrong` what was not as it should be, in sentences."""
S = TypeVar("S")


@dataclass(frozen=True)
class Run:
    """One run of a row. `size` has the group's options."""

    folder: Path
    name: str
    variant: str
    number: int
    size: Any


class Row(ABC, Generic[S]):
    """Row, abstract. A run without the fault's effect is void."""

    title: str
    modes: Sequence[str]
    """Variants of the scene."""
    usual: Sequence[str] = ()
    """Those that are played unless others are named; all, if there are none."""

    def server(self, number: int) -> str:
        """Name of the store's server in that run."""
        del number
        return "embedded"

    @abstractmethod
    def scene(self, run: Run) -> AbstractAsyncContextManager[S]:
        """System under test, from before the load until after the judgement."""

    @abstractmethod
    def load(self, scene: S, run: Run) -> AbstractAsyncContextManager[object]:
        """Load on it, until the fault is over."""

    @abstractmethod
    async def fault(self, scene: S, run: Run) -> Any:
        """Inject the fault; observations meanwhile."""

    @abstractmethod
    async def judge(self, scene: S, run: Run, seen: Any) -> Record:
        """Rest of the run's record."""


async def play(row: Row[Any], name: str, variant: str, number: int, size: Any) -> Record:
    """Record of one run."""
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        run = Run(Path(folder), name, variant, number, size)
        async with row.scene(run) as scene:
            async with row.load(scene, run):
                seen = await row.fault(scene, run)
            found = await row.judge(scene, run, seen)
    at = f"{datetime.now(tz=UTC):%Y-%m-%d}"
    known = {"fault": name, "mode": variant, "run": number, "server": row.server(number), "date": at}
    return {**known, "commit": _commit(), "void": "", **found}


def _commit() -> str:
    """Last commit that changed the service."""
    command = ["git", "log", "-1", "--format=%h", "--", "service"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
