"""Processes of the campaigns of agents and clients: a dispatcher on a store of its own; environment and output."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from testbed.servers import Server
from testbed.service_process import ServiceProcess


def dispatcher(stack: ExitStack, folder: Path) -> tuple[Server, ServiceProcess]:
    """Store and dispatcher, ended with the stack."""
    (folder / "store").mkdir()
    store = stack.enter_context(Server(folder / "store"))
    settings = {"SLTA_STORE_URL": store.url}
    return store, stack.enter_context(ServiceProcess(folder, settings=settings))


def rows(files: Iterable[Path], key: str = "id") -> dict[Any, dict[str, Any]]:
    """The lines of JSON that processes wrote so far, those of one key in one row; others are left out."""
    found: dict[Any, dict[str, Any]] = {}
    for file in files:
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            if key in row:
                found.setdefault(row[key], {}).update(row)
    return found
