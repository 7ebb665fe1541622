"""A real proxy on a recipe of deploy/proxies: the shipped files, with the lines changed that a user changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from testbed.processes import Process
from testbed.programs import find

RECIPES = Path(__file__).resolve().parents[2] / "deploy/proxies"
PATIENCE_MS = 10_000
"""Limits in place of a recipe's, all of which are in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Values of a user in a recipe. `port` is for clients, `admin` for the proxy's own figures, `spare` for more,
    `metrics` for those of the follower. `grpc`: what pools speak. `patient`: on a busy machine slta may answer after
    the recipe's limits, so that the proxy would choose itself; they are `PATIENCE_MS` instead.
    """

    folder: Path
    port: int
    admin: int
    spare: int
    metrics: int
    slta: int
    pools: Mapping[str, int]
    key: str = "change-me"
    fleet: str = "f"
    lease: int = 0
    overflow: bool = False
    visits: bool = False
    grpc: bool = False
    session_type: str = "default"
    patient: bool = True


Edits = Mapping[str, str]
"""Text of the recipe and what a user writes instead."""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy's row. `recipe` is for connections; `visits` for visits.

    `command` gets the path of the recipe; `live` is the proxy's own count of the connections that it serves now;
    `source` is what `slta follow` reads; `limits` are the settings of the time that slta has. `begins`: it writes lines
    when a session begins and that it lives; `reload` has a new process of it replace the old one. `visitor` returns the
    cookies of a new visit, where the application sets them.
    """

    name: str
    recipe: str
    visits: str
    command: Callable[[str, Path], Sequence[str]]
    edits: Callable[[Setup], Edits]
    live: Callable[[Setup], int]
    source: Callable[[Setup], Sequence[str]]
    limits: Sequence[str]
    prepare: Callable[[Setup], None] = lambda _: None
    begins: bool = True
    reload: Callable[[Process, Path], AbstractContextManager[object]] | None = None
    visitor: Callable[[], Mapping[str, str]] = dict

    @property
    def program(self) -> str | None:
        """Path of the program; None if this machine does not have it."""
        return find(self.name)


def running(proxy: Proxy, setup: Setup) -> Process:
    """The proxy on its recipe; it is ready when it listens."""
    file = _written(proxy, setup)
    proxy.prepare(setup)
    command, log = proxy.command(str(proxy.program), file), setup.folder / "output.log"
    return Process(*command, log=log, port=setup.port, cwd=setup.folder, start_new_session=True)


def _written(proxy: Proxy, setup: Setup) -> Path:
    """The recipe's folder, copied and edited. Fails if the recipe lacks a text that is to be edited."""
    shutil.copytree(RECIPES / proxy.name, setup.folder, dirs_exist_ok=True)
    recipe = proxy.visits if setup.visits else proxy.recipe
    file = setup.folder / recipe
    text = file.read_text(encoding="utf-8")
    for old, new in proxy.edits(setup).items():
        assert old in text, f"{proxy.name}/{recipe} has no {old!r}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    if setup.patient:
        _make_patient(proxy, setup.folder)
    return file


def _make_patient(proxy: Proxy, folder: Path) -> None:
    for limit in proxy.limits:
        name, _, value = limit.rpartition(" ")
        unit = value.lstrip("0123456789")
        files = [path for path in folder.iterdir() if path.is_file() and limit in path.read_text(encoding="utf-8")]
        assert files, f"{proxy.name} has no {limit!r}"
        for path in files:
            text = path.read_text(encoding="utf-8").replace(limit, f"{name} {PATIENCE_MS}{unit}")
            path.write_text(text, encoding="utf-8")
