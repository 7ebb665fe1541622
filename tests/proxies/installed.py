"""Programs that `make proxies-test` installs from PyPI beside the interpreter, and how they get slta's key."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.proxies.proxy import Setup

KEY_FILE = "slta.key"
WITH_KEY = ("sh", "-c", f'SLTA_KEY=$(cat {KEY_FILE}) exec "$0" "$@"')
"""Before a command: sets the key in its environment."""


def find(name: str) -> str | None:
    """Path of the program, beside the interpreter or on PATH."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def write_key(setup: Setup) -> None:
    (setup.folder / KEY_FILE).write_text(setup.key, encoding="utf-8")
