"""Durations on a command line: a number of seconds, or one with a unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import typer

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> float:
    """Seconds of `90`, `0.5s`, `10m`, `2h` or `1d`; the parser of an option. A usage error for other words."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,20})?)([smhd]?)", str(text))
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 90s, 10m, 2h or 1d")
    seconds = float(match[1]) * UNITS[match[2]]
    return int(seconds) if seconds.is_integer() else seconds


def positive_seconds(text: str) -> float:
    """As `seconds_of`, above 0."""
    seconds = seconds_of(text)
    if not seconds:
        raise typer.BadParameter("must be above 0")
    return seconds


DURATION: Mapping[str, Any] = {"parser": seconds_of, "metavar": "DURATION"}
POSITIVE_DURATION: Mapping[str, Any] = {"parser": positive_seconds, "metavar": "DURATION"}
"""Words of `typer.Option` for a duration."""
