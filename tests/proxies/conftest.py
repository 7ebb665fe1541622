"""Scenes by proxy, started once for a module; a proxy that is not installed is skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.proxies.proxy import Proxy
from tests.proxies.scene import Scene, scene
from tests.proxies.table import PROXIES


@pytest.fixture(scope="module", params=PROXIES.values(), ids=lambda proxy: proxy.name)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    """Each proxy of the table."""
    row: Proxy = request.param
    if row.program is None and not os.environ.get("CI"):
        pytest.skip(f"needs {row.name}")
    return row


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Connections are sessions; there is room for all."""
    with scene(proxy, tmp_path_factory.mktemp(proxy.name)) as made:
        yield made


@pytest.fixture(scope="module")
def visited(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Visits are sessions; there is room for all."""
    with scene(proxy, tmp_path_factory.mktemp(proxy.name), visits=True, lease=60) as made:
        yield made
