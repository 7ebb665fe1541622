"""A fleet file, and the options of a service that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import FLEET


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture
def options(tmp_path: Path, fleet_file: Path) -> list[str]:
    return ["--data-dir", str(tmp_path / "data"), "--config", str(fleet_file)]
