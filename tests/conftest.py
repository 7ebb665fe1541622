"""Options, hooks and fixtures of all tests."""

import gc
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from ctypes.util import find_library
from functools import cache, partial
from pathlib import Path

import pytest
import redis.utils
import structlog
from hypothesis import HealthCheck, settings

from testbed.faults import Proxy
from testbed.programs import find
from testbed.service_process import ServiceProcess
from testbed.stores import running_store

# A slow machine is not a wrong answer.
for profile, examples in {"default-tests": 25, "all-tests": 100}.items():
    settings.register_profile(
        profile, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile(os.environ.get("SLTA_TEST_PROFILE", "default-tests"))

# Each new connection asks, and the answer is a file of the package's metadata.
redis.utils.get_lib_version = cache(redis.utils.get_lib_version)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--longest SECONDS`: the run fails if a test takes longer."""
    parser.addoption("--longest", type=float, metavar="SECONDS", help="fail if a test takes longer")


def pytest_configure(config: pytest.Config) -> None:
    """Keep no logger beyond its test, and register the check of durations."""
    structlog.configure = partial(_configure, structlog.configure)
    if config.getoption("--longest") is not None:
        config.pluginmanager.register(Durations(config.getoption("--longest")))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without garbage collection, which took 2/5 of the time; later ones leave the thousands of tests out."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


class Durations:
    """Check of the durations of all tests, without their fixtures, which tests share."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the duration of a test."""
        if report.when == "call":
            self._seconds[report.nodeid] = report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if a test took longer."""
        if self._long():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the tests that took longer."""
        for test, seconds in self._long():
            terminalreporter.write_line(f"LONG {seconds:.1f} s {test}")

    def _long(self) -> list[tuple[str, float]]:
        return [(test, seconds) for test, seconds in sorted(self._seconds.items()) if seconds > self._longest]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests whose program or library pip cannot install, except in CI, where they fail without it."""
    needed = [tool for mark in item.iter_markers("needs") for tool in mark.args]
    missing = [tool for tool in needed if not (find(tool) or find_library(tool))]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"needs {', '.join(missing)}: .ci/run installs it on Debian")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a store that all tests share which do not want their own."""
    with running_store() as url:
        yield url


@pytest.fixture
async def between(server: str, redis: object) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of the server, and the URL that leads to it."""
    if not server.startswith("unix://"):
        # A relay of one socket: clients of a cluster connect to the addresses that its nodes announce.
        pytest.skip("a proxy stands before one server")
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        async with Proxy(server, Path(folder)) as made:
            yield made, made.url


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A dispatcher with its embedded store, on which tests have fleets of their own."""
    with ServiceProcess(tmp_path_factory.mktemp("service")) as service:
        yield service


def pytest_runtest_teardown() -> None:
    """A command that ran inside a test logged to a stream that ends with the test: no later test may log there."""
    structlog.reset_defaults()


def _configure(configure: Callable[..., None], **options: object) -> None:
    configure(**{**options, "cache_logger_on_first_use": False})
