"""File of the endpoints: the last copies of a client's fleets, replaced as a whole. A file of no use is a warning."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from slta_client.endpoints import Endpoints

MAX_BYTES = 64 * 2**20

_log = logging.getLogger("slta_client")


def load(path: Path, fleets: Sequence[str]) -> dict[str, Endpoints]:
    """The copies of these fleets. One of another fleet is not used, nor is anything of an unreadable file."""
    try:
        found = [Endpoints(one) for one in _documents(path)]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        _log.warning("fallback_file %s is not used: %s", path, error)
        return {}
    for one in found:
        if one.fleet not in fleets:
            _log.warning("fallback_file %s is not used for fleet %s, which is not this client's", path, one.fleet)
    return {one.fleet: one for one in found if one.fleet in fleets}


def _documents(path: Path) -> list[Mapping[str, Any]]:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    documents: list[Mapping[str, Any]] = json.loads(path.read_bytes())["endpoints"]
    return documents


def save(path: Path, copies: Sequence[Endpoints]) -> None:
    """Replace the file, or warn: it is never half written."""
    text = json.dumps({"endpoints": [one.document for one in copies]}, separators=(",", ":"))
    try:
        _replace(path, text)
    except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
        _log.warning("fallback_file %s was not written: %s", path, error)


def _replace(path: Path, text: str) -> None:
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
