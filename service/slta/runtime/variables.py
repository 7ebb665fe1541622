"""Environment variables that begin with `SLTA_` and are no setting: unknown ones, and those that are misspelled."""

from __future__ import annotations

import re
from collections.abc import Iterable

PREFIX = "SLTA_"
SERVICE_LINK = re.compile(rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))(_\w+)?", re.ASCII)
"""Variables that Kubernetes sets in each container of a namespace with a Service named `slta` or `slta-…`."""
VARIABLES_OF_CLIENTS = ("SLTA_API_KEY", "SLTA_FLEET", "SLTA_URL")
"""Variables of `slta loadgen`, of the integrations and of operators' commands."""


def unknown(environment: Iterable[str], settings: Iterable[str]) -> dict[str, str]:
    """Sorted names in the environment that nothing reads, each with the setting that it nearly is, else ''.

    `settings` are the fields of `Settings`. A name is near with two wrong letters, a short one with one: SLTA_CERT does
    not mean SLTA_PORT.
    """
    known = [f"{PREFIX}{field.upper()}" for field in settings]
    names = sorted(name for name in environment if name.upper().startswith(PREFIX) and not SERVICE_LINK.fullmatch(name))
    return {
        name: next((one for one in known if _is_near(name.upper(), one, 2 if len(one) > len("SLTA_SHORT") else 1)), "")
        for name in names
        if name.upper() not in (*known, *VARIABLES_OF_CLIENTS)
    }


def _is_near(name: str, other: str, errors: int) -> bool:
    """Whether at most `errors` letters are added, missing, wrong or exchanged with the next one."""
    if name[:1] == other[:1]:
        return not name or _is_near(name[1:], other[1:], errors)
    ends = [(name[1:], other), (name, other[1:]), (name[1:], other[1:])]
    if name[:2] == other[1::-1]:
        ends.append((name[2:], other[2:]))
    return errors > 0 and any(_is_near(*end, errors - 1) for end in ends)
