"""The client's table of error codes, made of the service's: `python -m tests.contract.client_codes` writes it."""

from __future__ import annotations

from pathlib import Path

from slta.api.http.openapi import MEANINGS
from slta_client.replies import of_status

FILE = Path(__file__).parents[2] / "clients/python/slta_client/codes.py"
HEAD = '''"""Error codes that mean something else than their status says. `make format` writes this file."""

MEANINGS = {
    # code: (applied, when the same call can succeed)
'''


def text() -> str:
    """The module."""
    rows = [
        f'    "{code}": ("{applied}", "{again}"),\n'
        for code, (status, applied, again, _) in sorted(MEANINGS.items())
        if of_status(status) != (applied, again)
    ]
    return "".join([HEAD, *rows, "}\n"])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
