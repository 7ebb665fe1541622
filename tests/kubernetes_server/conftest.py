"""The control plane, which tests share, and a dispatcher; both with a namespace and a fleet of each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from testbed.kubernetes import PROGRAMS, ControlPlane, control_plane
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess
from tests.kubernetes_server.games import MANIFESTS, Games, program

FRESH = program("slta.scaling.advisor", FRESH_SECONDS=0.5)
"""A dispatcher whose advice is younger than the time between two looks at it, as it is otherwise."""
NUMBERS = count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    programs = {name: os.environ.get(name, "") for name in PROGRAMS}
    if missing := [name for name, path in programs.items() if not path]:
        pytest.skip(f"needs {', '.join(missing)}: paths of programs, see CONTRIBUTING.md")
    with control_plane(tmp_path_factory.mktemp("kubernetes"), programs) as made:
        made.server.api.apply("", MANIFESTS.parent / "base/namespace.yaml")
        made.server.api.apply("slta", MANIFESTS / "deployment.yaml")
        yield made


@pytest.fixture(scope="session")
def dispatcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), program=(*FRESH, "serve")) as service:
        yield service


@pytest.fixture
def games(plane: ControlPlane, dispatcher: ServiceProcess, tmp_path: Path) -> Iterator[Games]:
    with ExitStack() as stack:
        made = Games(plane, Fleet(dispatcher, f"games-{next(NUMBERS)}"), tmp_path, stack)
        made.begin()
        yield made
    plane.kubelets.holds = False
