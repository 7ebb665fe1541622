"""Who gets the Ctrl-C of the terminal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c_for_us_alone() -> Iterator[None]:
    """Be the terminal's foreground process group meanwhile.

    Otherwise `make`, which is in one group with us, would get the Ctrl-C too, die of it, and hide that we ended well.
    Nothing changes without a terminal, in the background, or when a shell started us: then the group is ours already.
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
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # sent when a process in the background changes the terminal
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # a Ctrl-Z would stop us, and nobody would notice
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, group)
