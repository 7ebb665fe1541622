"""Tests of a real cluster of six nodes, on every server found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters import Cluster, cluster


@pytest.fixture
def nodes(tmp_path: Path, binary: str) -> Iterator[Cluster]:
    """Three masters and their replicas, which a test may break."""
    with cluster(tmp_path, binary) as made:
        yield made
