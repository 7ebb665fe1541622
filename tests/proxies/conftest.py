"""Systems by proxy, started once for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System
from testbed.proxies.table import PROXIES

NAMES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in PROXIES]
BEGINNING = [name for name in NAMES if PROXIES[str(name.values[0])].begins]
"""Those whose lines say that a session begins and that it lives."""


@pytest.fixture(scope="module", params=NAMES)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    """Each proxy of the table."""
    return PROXIES[request.param]


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Connections are sessions; there is room for all."""
    with System(proxy, tmp_path_factory.mktemp(proxy.name)) as made:
        yield made


@pytest.fixture(scope="module")
def visited(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Visits are sessions; there is room for all."""
    with System(proxy, tmp_path_factory.mktemp(proxy.name), visits=True, lease=60) as made:
        yield made
