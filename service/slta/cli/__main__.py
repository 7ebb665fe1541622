"""Entry point of the console script `slta`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn


def main() -> None:
    """Run the command. Before it installs its own handlers, SIGINT and SIGTERM exit without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    if sys.argv[1:2] == ["serve"]:
        gc.disable()  # until `freeze_startup_objects`: collections would look through what stays, again and again
    with ctrl_c_for_us_alone() if sys.argv[1:2] == ["demo"] else nullcontext():
        from slta.cli.commands import app

        app(prog_name="slta")


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


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
