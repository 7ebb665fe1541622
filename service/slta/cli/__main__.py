"""Entry point of the console script `slta`."""

from __future__ import annotations

import signal
import sys
from contextlib import nullcontext
from typing import NoReturn

from slta.cli.terminal import ctrl_c_for_us_alone


def main() -> None:
    """Run the command. Before it installs its own handlers, SIGINT and SIGTERM exit without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with ctrl_c_for_us_alone() if sys.argv[1:2] == ["demo"] else nullcontext():
        from slta.cli.commands import app

        app(prog_name="slta")


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
