"""A copy of the tree that a mutation is written into, and the tests that run there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGED = ("service", "clients/python", "integrations", "planning", "experiments", "loadgen", "demo")
"""Folders whose Python and Lua the tool changes."""
TEST_SECONDS = 60
"""Time-out of one test: sixty times what the longest of the default tests may take."""
RUN_SECONDS = 900


def tracked(*folders: str) -> list[str]:
    """Files of the tree below folders, without those that git ignores or that are deleted."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for file in listed.splitlines() if (ROOT / file).exists()]


class Copy:
    """A copy of the tree, with one changed file at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._times = count(1)
        for file in tracked():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)

    def write(self, file: str, content: bytes) -> None:
        """Each content has a time of its own: Python compares times to tell whether bytecode is stale."""
        path = self.folder / file
        path.write_bytes(content)
        os.utime(path, (time := next(self._times), time))

    def restore(self, file: str) -> None:
        self.write(file, (ROOT / file).read_bytes())

    def pytest(self, tests: Sequence[str], *options: str) -> tuple[int, str]:
        """Exit status and output of pytest; whatever it has started is ended. A time-out has a status that is not 0."""
        options = ("-n", "0", "-q", "--tb=no", "-p", "no:cacheprovider", *options)
        command = [sys.executable, "-m", "pytest", *options, *tests]
        roots = os.pathsep.join(map(str, (self.folder, *(self.folder / root for root in PACKAGED))))
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": roots},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            output = "+ Timeout +"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return process.wait(), output
