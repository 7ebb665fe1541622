"""Runs a command under the system-call filter of a systemd unit, without systemd.

`python -m tests.deploy.seccomp UNIT COMMAND…` needs systemd-analyze, for the names of the sets, and libseccomp.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
"""Of libseccomp: what becomes of a call."""
UNKNOWN = -1
DEFAULT = "@default"
"""The set that systemd adds to each list of allowed calls."""


def allowed(lines: list[str]) -> set[str]:
    """The calls that a filter allows whose first line is a list of allowed ones, as systemd.exec(5) has it."""
    assert lines
    assert not lines[0].startswith("~"), "a list of forbidden calls comes first"
    calls = _expand(DEFAULT)
    for line in lines:
        names = set().union(*map(_expand, line.removeprefix("~").split()))
        calls = calls - names if line.startswith("~") else calls | names
    return calls


def _expand(name: str) -> set[str]:
    """The calls of a set, and of the sets in it; or the call itself."""
    if not name.startswith("@"):
        return {name}
    command = ["systemd-analyze", "syscall-filter", name]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    inside = [line.strip() for line in told.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*map(_expand, inside))


def values(unit: Path, name: str) -> list[str]:
    """The values of an option that may be given several times."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def confine(calls: set[str], otherwise: int) -> None:
    """From now on this process, and what it starts, can make these calls alone."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))
    for call in sorted(calls):
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number != UNKNOWN:
            library.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)
    assert library.seccomp_load(context) == 0


def main(unit: str, *command: str) -> None:
    """Confine this process as the unit does, and become the command."""
    [number] = values(Path(unit), "SystemCallErrorNumber") or [""]
    otherwise = ERRNO | getattr(errno, number) if number else KILL
    confine(allowed(values(Path(unit), "SystemCallFilter")), otherwise)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
