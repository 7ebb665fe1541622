"""The console script `slta`."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


def main() -> None:
    """Run the command. Until it takes care of signals itself, one ends it without a traceback: nothing has begun."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from service.commands import app

    app(prog_name="slta")


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
