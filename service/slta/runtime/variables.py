"""Environment variables that begin with `SLTA_` and are no setting: unknown ones, and those that are misspelled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

PREFIX = "SLTA_"
SERVICE_LINK = re.compile(rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))(_\w+)?", re.ASCII)
"""Variables that Kubernetes sets in each container of a namespace with a Service named `slta` or `slta-…`."""
VARIABLES_OF_CLIENTS = ("SLTA_API_KEY", "SLTA_FLEET", "SLTA_URL")
"""Variables of `slta loadgen`, of the integrations and of operators' commands."""
NEAR = 0.84
"""Similarity of a misspelled name, see difflib: two letters of thirteen may be wrong, one of nine."""


def unknown(environment: Iterable[str], settings: Iterable[str]) -> dict[str, str]:
    """Sorted names in the environment that nothing reads, each with the setting that it nearly is, else ''.

    `settings` are the fields of `Settings`.
    """
    known = [f"{PREFIX}{field.upper()}" for field in settings]
    names = sorted(name for name in environment if name.upper().startswith(PREFIX) and not SERVICE_LINK.fullmatch(name))
    return {
        name: "".join(get_close_matches(name.upper(), known, n=1, cutoff=NEAR))
        for name in names
        if name.upper() not in (*known, *VARIABLES_OF_CLIENTS)
    }
