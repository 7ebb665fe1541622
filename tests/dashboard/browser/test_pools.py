"""The figure of the pools, their table and the lookup."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from testbed.service_process import ServiceProcess
from tests.dashboard.browser.conftest import BROWSER, cells, open_fleet, tile
from tests.dashboard.conftest import fall_ill, fleet_document

pytestmark = BROWSER


def test_the_figure_shows_each_pool_with_its_sessions_and_tokens(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    page.locator("#pool-table-box summary").click()
    listed = service.call("GET", "/v1/fleets/default/pools")["pools"]
    expect(page.locator("#pool-table tbody tr")).to_have_count(len(listed))  # the table is filled with the next event
    rows = cells(page, "pool-table")
    assert {pool["pool_id"]: str(pool["occupancy"]) for pool in listed} == {id_: row[2] for id_, row in rows.items()}
    state = service.call("GET", "/v1/fleets/default/state")
    for colour, shape in (("green", "rect"), ("yellow", "circle")):
        wanted = sum(one["tokens"][colour] for one in state["classes"])
        assert sum(bool(re.search(rf"\b{colour}\b", row[3])) for row in rows.values()) == wanted
        assert page.locator(f"svg.pools {shape}.{colour}:not([visibility=hidden])").count() == wanted
    height_of = "all => all.map(one => Number(one.getAttribute('height')))"
    heights = page.locator("svg.pools .filled").evaluate_all(height_of)
    assert len(heights) == len(listed)
    lowest = min(height for height in heights if height)
    occupancies = [pool["occupancy"] for pool in listed]
    unit = lowest / min(x for x in occupancies if x)
    assert [round(height / unit) for height in heights] == occupancies
    assert page.locator("svg.pools .threshold").count() == 2


def test_a_pool_that_is_clicked_shows_its_facts(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    page.locator("svg.pools [data-pool=small-3]").click()
    occupancy = service.call("GET", "/v1/fleets/default/pools/small-3")["occupancy"]
    expect(page.locator("#pool-facts")).to_contain_text(f"small-3: {occupancy} session")


def test_large_fleets_show_a_distribution(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "many")
    expect(page.locator("svg.profile")).to_have_count(2)
    expect(page.locator("svg.pools")).to_have_count(0)
    expect(page.locator("svg.profile").first).to_have_attribute("aria-label", re.compile("small: 200 active pools"))


def test_pools_that_are_not_active_come_first_and_each_kind_has_its_sign(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/away", fleet_document(small=3, large=3))
    service.call("POST", "/v1/fleets/away/pools/small-3/drain")
    service.call("POST", "/v1/fleets/away/pools/large-3/fail")
    open_fleet(page, service, "away")
    buttons = page.locator("#away button")
    expect(buttons).to_have_text(["large-3 · failed", "small-3 · draining"])
    page.get_by_text("The pools as a table").click()
    expect(page.locator("#pool-table tbody tr")).to_have_count(6)
    rows = page.locator("#pool-table tbody th").all_text_contents()
    assert rows == ["large-3", "small-3", "small-1", "small-2", "large-1", "large-2"]
    legend = page.locator("#legend li")
    for status in ("draining", "failed"):
        expect(legend.filter(has_text=f"{status} pool").locator(f"rect.{status}")).to_have_count(1)
        expect(page.locator(f"svg.pools .ground.{status}")).to_have_count(1)
    looks = {status: page.locator(f"svg.pools .ground.{status}").evaluate(LOOK) for status in ("draining", "failed")}
    assert looks["draining"] != looks["failed"]
    buttons.first.click()
    expect(page.locator("#pool-facts")).to_contain_text("failed")


LOOK = "one => { const { fill, stroke } = getComputedStyle(one); return [fill, stroke]; }"


def test_a_large_fleet_lists_its_pools_that_are_not_active(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/large-away", fleet_document(small=200, large=100))
    open_fleet(page, service, "large-away")
    expect(page.locator("#away")).to_be_hidden()
    service.call("POST", "/v1/fleets/large-away/pools/large-77/drain")
    page.locator("#away button").filter(has_text="large-77 · draining").click()
    expect(page.locator("#pool-facts")).to_contain_text("large-77: 0 sessions of 90, draining")
    page.get_by_text("The pools that are not active, as a table").click()
    expect(page.locator("#pool-table tbody th")).to_have_text(["large-77"])


def test_small_fleets_can_show_their_distribution_too(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    page.get_by_role("radio", name="Distribution").check()
    expect(page.locator("svg.profile")).to_have_count(2)
    page.get_by_role("radio", name="Single pools").check()
    expect(page.locator("svg.pools")).to_have_count(2)


def test_pools_without_heartbeats_degrade_the_sentence_and_have_signs(page: Page, service: ServiceProcess) -> None:
    fall_ill(service, "ill")
    open_fleet(page, service, "ill")
    said = "2 gone, 3 unconfirmed of 12 pools. Gaps say little: bounds count unconfirmed pools, which get few sessions."
    expect(page.locator("#verdict-text")).to_have_text(said, timeout=60_000)
    expect(page.locator("#verdict")).to_have_attribute("data-level", "attention")
    expect(page.locator("#tile-pools")).to_have_attribute("data-level", "attention")
    assert tile(page, "pools") == ("10", "of 12: 2 gone, 3 unconfirmed")
    for state, count in (("gone", 2), ("unconfirmed", 3)):
        expect(page.locator("#legend li").filter(has_text=f"{state} pool")).to_have_count(1)
        expect(page.locator(f"svg.pools .ground.{state}")).to_have_count(count)
    labels = page.locator("svg.pools .numbers text").all_text_contents()
    expect(page.locator("#next-placement")).to_contain_text("Unconfirmed pools get it only if no other has room.")
    assert labels == [*"35012467", *"1230"]
