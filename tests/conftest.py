"""What all tests share."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import structlog
from hypothesis import HealthCheck, settings

# A slow machine is not a wrong answer.
settings.register_profile("slta", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slta")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A program that Python cannot install may be missing on a newcomer's machine, but not in CI."""
    missing = [tool for mark in item.iter_markers("needs") for tool in mark.args if shutil.which(tool) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"needs {', '.join(missing)}: .ci/run installs it on Debian")


@pytest.fixture(autouse=True)
def log_of_one_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that runs inside a test logs to a stream that ends with the test: no later test may log there."""
    monkeypatch.setattr(structlog, "configure", partial(_configure, structlog.configure))
    yield
    structlog.reset_defaults()


def _configure(configure: Callable[..., None], **options: object) -> None:
    configure(**{**options, "cache_logger_on_first_use": False})
