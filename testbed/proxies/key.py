"""The key of slta for proxies that read it from their environment."""

from __future__ import annotations

from testbed.proxies.proxy import Setup

KEY_FILE = "slta.key"
WITH_KEY = ("sh", "-c", f'SLTA_API_KEY=$(cat {KEY_FILE}) exec "$0" "$@"')
"""Before a command: sets the key in its environment."""


def write_key(setup: Setup) -> None:
    (setup.folder / KEY_FILE).write_text(setup.key, encoding="utf-8")
