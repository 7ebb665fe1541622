"""The page by keyboard, by screen reader and on a phone."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from testbed.service_process import ServiceProcess
from tests.dashboard.browser.conftest import BROWSER, open_fleet
from tests.dashboard.conftest import fleet_document

pytestmark = BROWSER


def test_everything_can_be_reached_by_keyboard_and_the_focus_is_seen(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    reached = []
    while "What the words mean" not in reached:
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => [document.activeElement.id || document.activeElement.textContent.trim().slice(0, 30),"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(focused[0])
        assert focused[1] != "none", focused
    wanted = ["Skip to the numbers", "fleet", "The pools as a table", "What the words mean"]
    assert [one for one in reached if one in wanted] == wanted


def test_a_screen_reader_finds_headings_names_and_descriptions(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    levels = page.get_by_role("heading").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert [(before, after) for before, after in pairwise(levels) if not after - before <= 1] == []
    for svg in page.get_by_role("img").all():
        assert svg.get_attribute("aria-label")
    for control in page.locator("input:visible, select:visible, button:visible").all():
        assert control.evaluate("one => (one.labels?.length || one.textContent.trim().length) > 0")
    expect(page.get_by_role("status")).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_phone_scrolls_it_sideways(page: Page, service: ServiceProcess, scheme: Literal["light", "dark"]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)
    for fleet in ("default", "many"):
        open_fleet(page, service, fleet)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("width", [360, 1280])
def test_every_column_of_the_classes_is_seen(page: Page, service: ServiceProcess, width: int) -> None:
    document = fleet_document()
    document["classes"][0]["name"] = "memory-optimised" * 4
    service.call("PUT", "/v1/fleets/long", document)
    page.set_viewport_size({"width": width, "height": 740})
    open_fleet(page, service, "long")
    right_edges = page.locator("#class-table tbody :is(th, td)").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().right)"
    )
    assert len(right_edges) == 2 * 11
    assert max(right_edges) <= width
