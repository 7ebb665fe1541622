"""A fleet as a proxy uses it, and followers: in a thread of this process, or in a process of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from slta.cli.target import Target
from slta_integrations.follow.command import MAX_BACKLOG_BYTES, FollowOptions, follow
from slta_integrations.follow.metrics import Metrics
from testbed.awaiting import until
from testbed.threads import LoopThread


def ids(count: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


class Following(LoopThread):
    """`slta follow` in a thread."""

    def __init__(self, url: str, fleet: str, *, state_dir: Path, **options: Any) -> None:
        """`options` are fields of `FollowOptions`."""
        given: dict[str, Any] = {"file": None, "listen": None, "lease_seconds": None, "max_backlog": MAX_BACKLOG_BYTES}
        self._options = FollowOptions(target=Target(url, fleet), state_dir=state_dir, **given | options)
        self.metrics = Metrics()
        self.start()
        until(lambda: (state_dir / "position.json").exists() or self._following.done())

    async def begin(self) -> None:
        self._following = asyncio.create_task(follow(self._options, self.metrics, self.ending))
        self.stack.push_async_callback(lambda: self._following)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"slta_follow_{name}", labels) or 0

    @property
    def dropped(self) -> float:
        """Lines over the backlog."""
        return self.value("dropped_lines_total", reason="backlog")
