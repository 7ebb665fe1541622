"""Foreground process group of the terminal, which receives its Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c_for_us_alone() -> Iterator[None]:
    """Make this process the terminal's foreground process group meanwhile.

    Otherwise `make`, in the same group, would be killed by the Ctrl-C and hide the exit code. No effect without a
    terminal, in the background, or when a shell already gave this process its own group.
    """
    group = os.getpgrp()
    try:
        terminal = sys.stdout.fileno()
        foreground = os.tcgetpgrp(terminal) == group
    except (OSError, ValueError):
        foreground = False
    if not foreground or group == os.getpid():
        yield
        return
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # sent when a background process changes the terminal
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # a Ctrl-Z would stop this process, with no shell to continue it
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, group)
