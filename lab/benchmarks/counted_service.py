"""`slta serve` that counts the opcodes of its Python code between two signals, for `lab.benchmarks.opcodes`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

from slta.cli.__main__ import main

counted = 0


def count(frame: FrameType, event: str, _argument: object) -> Any:
    """Trace function of every frame."""
    global counted  # noqa: PLW0603 - one counter of the process
    frame.f_trace_opcodes, frame.f_trace_lines = True, False
    counted += event == "opcode"
    return count


def report(_number: int, _frame: object) -> None:
    """Log the opcodes since the last signal, and count from 0."""
    global counted  # noqa: PLW0603
    sys.settrace(None)
    os.write(1, f'\n{{"event": "opcodes", "count": {counted}}}\n'.encode())  # whole, beside the lines of the log
    counted = 0
    sys.settrace(count)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, report)
    main()
