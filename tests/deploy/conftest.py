"""The composition that the tests marked `compose` share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.composition import Stack, composition


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running composition; tests run in the order of their modules."""
    with composition(tmp_path_factory.mktemp("compose")) as running:
        yield running
