"""Endpoints of a fleet: its active pools with their addresses, capacities and last known occupancies, in columns.

A file has those of a client's fleets. It is replaced as a whole; a file of no use is a warning.
"""

from __future__ import annotations

import json
import logging
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

MAX_POOLS = 65_536
"""In a fleet."""
DEFAULT_TYPE = "default"
"""Session type that may use all classes."""
COUNTS = range(2**53)
"""Of sessions, or places, on a pool: those that a float has exactly."""
MAX_BYTES = 64 * 2**20
"""Of a file."""

_log = logging.getLogger("slta_client")


class Pool(NamedTuple):
    """Active pool."""

    pool_id: str
    pool_class: str
    address: str | None
    capacity: int
    occupancy: int


class Endpoints:
    """Endpoints, by number from 0. `document` is what slta returned; its columns are kept as they are."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Raise ValueError if the document is none of `GET …/endpoints`."""
        try:
            self.fleet = _typed(document["fleet"], str)
            self._classes = [_checked(one) for one in document["classes"]]
            self._types = _types(document.get("session_types", {}))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("it has no endpoints of a fleet") from error
        self._ends = list(accumulate(len(one["pool_ids"]) for one in self._classes))
        self.sessions = sum(sum(one["occupancies"]) for one in self._classes)
        """On all pools."""
        self._of_type: dict[str, Endpoints] = {}
        if len(self) > MAX_POOLS:
            raise ValueError(f"it has more than {MAX_POOLS} pools")

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Pool:
        at = bisect_right(self._ends, number)
        found = self._classes[at]
        index = number - (self._ends[at - 1] if at else 0)
        columns = found["pool_ids"][index], found["name"], found["addresses"][index]
        return Pool(*columns, found["capacity"], found["occupancies"][index])

    def __iter__(self) -> Iterator[Pool]:
        return (self[number] for number in range(len(self)))

    def has_type(self, session_type: str) -> bool:
        """Whether the fleet has the session type."""
        return session_type == DEFAULT_TYPE or session_type in self._types

    def of_type(self, session_type: str) -> Endpoints:
        """The endpoints of the classes that sessions of a type may use: none if the fleet does not have it."""
        if session_type == DEFAULT_TYPE:
            return self
        if session_type not in self._of_type:
            names = self._types.get(session_type, [])
            classes = [one for one in self._classes if one["name"] in names]
            self._of_type[session_type] = Endpoints({"fleet": self.fleet, "classes": classes})
        return self._of_type[session_type]

    @property
    def document(self) -> dict[str, Any]:
        """The endpoints as slta returned them."""
        return {"fleet": self.fleet, "classes": self._classes, "session_types": self._types}


def _typed(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _column(values: object, kind: type[T]) -> list[T]:
    return [_typed(value, kind) for value in _typed(values, list)]


def _types(types: object) -> dict[str, list[str]]:
    """Names of classes by type. A dispatcher, or a file, from before them has none."""
    return {_typed(name, str): _column(classes, str) for name, classes in _typed(types, dict).items()}


def _checked(one: Mapping[str, Any]) -> dict[str, Any]:
    """A class of pools, with columns of the same length."""
    columns: dict[str, list[Any]] = {
        "pool_ids": _column(one["pool_ids"], str),
        "addresses": [None if value is None else _typed(value, str) for value in _typed(one["addresses"], list)],
        "occupancies": _column(one["occupancies"], int),
    }
    if len(set(map(len, columns.values()))) > 1 or not _typed(one["capacity"], int):
        raise TypeError
    if not all(count in COUNTS for count in (one["capacity"], *columns["occupancies"])):
        raise TypeError
    return {"name": _typed(one["name"], str), "capacity": one["capacity"], **columns}


def load(path: Path, fleets: Sequence[str]) -> dict[str, Endpoints]:
    """The endpoints of these fleets. One of another fleet is not used, nor is anything of an unreadable file."""
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


def save(path: Path, known: Sequence[Endpoints]) -> None:
    """Replace the file, or warn: it is never half written."""
    text = json.dumps({"endpoints": [one.document for one in known]}, separators=(",", ":"))
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
