"""Durations on a command line: a number of seconds, or one with a unit."""

from __future__ import annotations

import re

import typer

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> int:
    """Seconds of `90`, `90s`, `10m`, `2h` or `1d`; the parser of an option. A usage error for other words."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 90s, 10m, 2h or 1d")
    return int(match[1]) * UNITS[match[2]]
