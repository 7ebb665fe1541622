"""A real Chromium on a whole service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from testbed.programs import find
from testbed.service_process import ServiceProcess
from tests.dashboard.conftest import fleet_document

BROWSER = [pytest.mark.browser, pytest.mark.needs("chromium")]
FLAGS = ["--no-sandbox", "--no-first-run"]
FLAGS += [f"--disable-{part}" for part in ("gpu", "quic", "background-networking", "component-update", "sync")]
SESSIONS = 37
PATIENT_MS = 15_000
RECONNECT_WORDS = "Failed to load resource"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with fleets of 10 pools and one of 300."""
    with ServiceProcess(tmp_path_factory.mktemp("service")) as process:
        for fleet in ("default", "switched", "restarted"):
            process.call("PUT", f"/v1/fleets/{fleet}", fleet_document(small=5, large=5))
            process.assign(fleet, SESSIONS)
        process.call("PUT", "/v1/fleets/many", fleet_document(small=200, large=100))
        process.assign("many", SESSIONS)
        yield process


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context()
    made.set_default_timeout(PATIENT_MS)
    yield made
    made.close()


@pytest.fixture
def complaints(context: BrowserContext) -> Iterator[list[str]]:
    """Errors on the console and requests to elsewhere; whatever is left here at the end fails the test."""
    found: list[str] = []
    context.on("console", lambda said: found.append(said.text) if said.type in ("error", "warning") else None)
    context.on("weberror", lambda error: found.append(str(error.error)))
    yield found
    assert not found


@pytest.fixture
def page(context: BrowserContext, complaints: list[str], service: ServiceProcess) -> Page:
    made = context.new_page()
    made.on("request", lambda asked: None if asked.url.startswith(service.url) else complaints.append(asked.url))
    return made


def open_fleet(page: Page, service: ServiceProcess, fleet: str) -> None:
    page.goto(f"{service.url}/#{fleet}")
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)


def tile(page: Page, name: str) -> tuple[str, str]:
    """The value of a tile and its note."""
    value, note = (text.replace("\xa0", " ") for text in page.locator(f"#tile-{name} dd").all_text_contents())
    return value, note


def cells(page: Page, table: str) -> dict[str, list[str]]:
    """The rows of a table by their head."""
    rows = [row.locator("th, td").all_text_contents() for row in page.locator(f"#{table} tbody tr").all()]
    return {head: others for head, *others in rows}
