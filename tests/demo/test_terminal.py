"""On a terminal: the live picture, and a Ctrl-C that ends the demonstration and not who started it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

DEADLINE_SECONDS = 90.0
DEMO = f"{sys.executable} -m slta.cli demo --pools 12 --mean-holding 0.5 --duration 300 --warm-up 100"


class Terminal:
    """A shell command that has a terminal of its own."""

    def __init__(self, command: str, folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "50", "TMPDIR": str(folder)},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call
        )
        os.close(theirs)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def shows(self, words: str) -> None:
        """Read on until the words have come."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while words not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._ours], [], [], 1.0)[0]:
                self.seen += os.read(self._ours, 65_536).decode(errors="replace")

    def close(self) -> None:
        self.process.wait(DEADLINE_SECONDS)
        os.close(self._ours)


@pytest.mark.slow
def test_a_ctrl_c_ends_the_demonstration_and_who_started_it_sees_it_end_well(tmp_path: Path) -> None:
    terminal = Terminal(f"{DEMO}; echo it ended with $?", tmp_path)
    terminal.shows("fixed weights")
    terminal.shows("at best")
    terminal.type("\x03")
    terminal.shows("it ended with 0")
    assert "Interrupted after" in terminal.seen
    terminal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_ctrl_c_before_anything_has_begun_does_too(tmp_path: Path) -> None:
    terminal = Terminal(f"{DEMO}; echo it ended with $?", tmp_path)
    terminal.shows("Starting")
    terminal.type("\x03")
    terminal.shows("it ended with 0")
    terminal.close()
    assert list(tmp_path.iterdir()) == []
