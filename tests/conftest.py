"""What all tests share."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is not a wrong answer.
settings.register_profile("slta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slta")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A program that Python cannot install may be missing on a newcomer's machine, but not in CI."""
    missing = [tool for mark in item.iter_markers("needs") for tool in mark.args if shutil.which(tool) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"needs {', '.join(missing)}: .ci/run installs it on Debian")
