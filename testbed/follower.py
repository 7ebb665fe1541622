"""`slta follow` as a process."""

from __future__ import annotations

import sys
from pathlib import Path

from testbed.processes import Process, environment


class FollowerProcess(Process):
    """A follower whose state is in `folder`/state: it is ready when it has saved a position."""

    def __init__(self, url: str, fleet: str, folder: Path, *options: str, key: str = "") -> None:
        self.position = folder / "state/position.json"
        command = ["-m", "slta.cli", "follow", "--url", url, "--fleet", fleet, "--state-dir", str(folder / "state")]
        log, variables = folder / "follow.log", environment(SLTA_API_KEY=key)
        super().__init__(sys.executable, *command, *options, log=log, env=variables)

    def is_ready(self) -> bool:
        return self.position.exists()
