"""The page in a real Chromium, on a whole service."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
from redis import Redis

from slta import release
from slta.auth.keys import generate_key
from slta.core.least_connections import least_connections_utility
from slta.core.policies import POLICIES
from slta.fleet_file import FleetFile, compile_spec
from slta.store.embedded.data_dir import served_socket
from tests.awaiting import until
from tests.dashboard.conftest import PRICED, fall_ill, fleet_document
from tests.dashboard.kept import prolong
from tests.service_process import ServiceProcess

pytestmark = pytest.mark.browser

FLAGS = ["--no-sandbox", "--no-first-run"]
FLAGS += [f"--disable-{part}" for part in ("gpu", "quic", "background-networking", "component-update", "sync")]
SESSIONS = 37
PATIENT_MS = 15_000
RECONNECT_WORDS = "Failed to load resource"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with fleets of 10 pools and one of 300."""
    with ServiceProcess(tmp_path_factory.mktemp("service")) as process:
        for fleet in ("default", "drained", "marked", "switched", "restarted"):
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


def test_the_page_and_its_policy_arrive_and_it_asks_nobody_else(page: Page, service: ServiceProcess) -> None:
    answer = page.goto(service.url)
    assert answer is not None
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)
    expect(page).to_have_title(re.compile(r"% gap · default · SLTA live"))


def test_a_request_without_an_answer_is_given_up_and_sent_again(page: Page, service: ServiceProcess) -> None:
    page.add_init_script(
        "const after = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => after(ms / 10);"
    )
    asked: list[Route] = []

    def answer(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    page.route("**/console/fleets", answer)
    open_fleet(page, service, "default")


def test_its_numbers_are_those_of_state(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    state = service.call("GET", "/v1/fleets/default/state")
    assert tile(page, "sessions")[0] == str(SESSIONS) == str(state["sessions"]["active"])
    assert tile(page, "utility")[0] == f"{state['utility']:.2f}"
    assert f"bound {state['utility_bound']:.2f}" in tile(page, "utility")[1]
    assert tile(page, "rank")[0] == str(state["estimate_rank"])
    assert str(state["optimal_rank"]) in tile(page, "rank")[1]
    assert tile(page, "rejections")[0] == "0"
    assert tile(page, "pools") == ("10", "of 10 in service")
    table = cells(page, "class-table")
    for one in state["classes"]:
        row = table[one["name"]]
        assert row[1] == str(one["sessions"]["active"])
        assert row[4:6] == [str(one["threshold"]), str(one["optimal_threshold"])]
        assert row[6:8] == [str(one["tokens"]["green"]), str(one["tokens"]["yellow"])]


def test_it_says_which_gap_is_usual(page: Page, service: ServiceProcess) -> None:
    """The load of the last five minutes, which it is for, moves between the two looks."""
    open_fleet(page, service, "default")
    said = re.compile(r"; (\d\.\d+) % is usual for this fleet at this load\.$")
    expect(page.locator("#verdict-text")).to_have_text(said, timeout=60_000)
    state = service.call("GET", "/v1/fleets/default/state")
    usual = said.search(page.locator("#verdict-text").inner_text())
    assert usual is not None
    assert float(usual[1]) == pytest.approx(100 * state["relative_expected_placement_gap"], rel=0.2)


def test_where_others_place_it_says_what_that_loses_and_nothing_of_learning(
    page: Page, service: ServiceProcess
) -> None:
    """40 sessions on one pool of ten, so the next rank is far from its optimum."""
    service.call("PUT", "/v1/fleets/observed", fleet_document(small=5, large=5, policy="observe"))
    for k in range(40):
        service.call("PUT", f"/v1/fleets/observed/sessions/v-{k}", {"pool_id": "small-1"})
    open_fleet(page, service, "observed")
    said = re.compile(r"^A better placement would win \d+\.\d % of the best possible\.$")
    expect(page.locator("#verdict-text")).to_have_text(said, timeout=60_000)


def test_it_says_in_a_sentence_where_the_next_session_goes_and_why(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "switched")
    sentence = page.locator("#next-placement")
    for session_id in ("next-1", "next-2"):
        following = service.call("GET", "/v1/fleets/switched/next")
        expect(sentence).to_have_text(following["sentence"], timeout=PATIENT_MS)
        placed = service.call("POST", "/v1/fleets/switched/assign", {"session_id": session_id})
        assert placed["token"] == following["token"]
        assert placed["pool_class"] in {place["pool_class"] for place in following["places"]}
    for session_id in ("next-1", "next-2"):
        service.call("POST", "/v1/fleets/switched/complete", {"session_id": session_id})


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


def test_a_drained_pool_changes_by_keyboard_and_comes_back(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "drained")
    page.get_by_label("Pool", exact=True).fill("large-2")
    expect(page.locator("#pool-facts")).to_contain_text("large: ")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Drain…", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Drain large-2?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert service.call("GET", "/v1/fleets/drained/pools/large-2")["status"] == "active"
    page.get_by_role("button", name="Drain…", exact=True).press("Enter")
    page.get_by_role("button", name="Drain", exact=True).press("Enter")
    expect(page.locator("#pool-facts")).to_contain_text("draining")
    expect(page.locator("svg.pools rect[fill='url(#draining)']")).to_have_count(1)
    assert service.call("GET", "/v1/fleets/drained/pools/large-2")["status"] == "draining"
    assert cells(page, "class-table")["large"][:2] == ["4", "1 draining"]
    page.get_by_role("button", name="Undrain…").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert service.call("GET", "/v1/fleets/drained/pools/large-2")["status"] == "draining"
    page.get_by_role("button", name="Undrain…").click()
    page.get_by_role("button", name="Undrain", exact=True).click()
    expect(page.locator("svg.pools rect[fill='url(#draining)']")).to_have_count(0)
    assert service.call("GET", "/v1/fleets/drained/pools/large-2")["status"] == "active"


def test_a_pool_that_is_clicked_is_looked_up(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    page.locator("svg.pools [data-pool=small-3]").click()
    expect(page.get_by_label("Pool", exact=True)).to_have_value("small-3")
    occupancy = service.call("GET", "/v1/fleets/default/pools/small-3")["occupancy"]
    expect(page.locator("#pool-facts")).to_contain_text(f"small: {occupancy} session")


def test_changes_and_refusals_are_marked_in_the_charts_and_stand_in_a_table(
    page: Page, service: ServiceProcess
) -> None:
    open_fleet(page, service, "marked")
    charts = page.locator("#charts svg[role=img]").count()
    service.call("POST", "/v1/fleets/marked/pools/small-1/drain")
    with pytest.raises(httpx.HTTPStatusError):
        service.call("DELETE", "/v1/fleets/marked/pools/small-1")
    refused = page.locator("#charts .mark.refused")
    expect(refused).to_have_count(charts, timeout=PATIENT_MS)
    words = "removal of small-1 refused: pool_not_empty"
    assert refused.first.locator("title").text_content() == words
    done = [mark.text_content() for mark in page.locator("#charts .mark:not(.refused) title").all()]
    assert done.count("small-1 drained") == charts
    page.locator("#event-table-box summary").click()
    expect(page.locator("#event-table tbody tr").first).to_contain_text(words)
    assert cells(page, "event-table")["small-1 drained"][1] == "127.0.0.1"


def test_the_policy_is_switched_and_nothing_else(page: Page, service: ServiceProcess) -> None:
    before = service.call("GET", "/v1/fleets/switched")
    service.call("POST", "/v1/fleets/switched/pools", {"pools": [{"pool_id": "extra", "pool_class": "small"}]})
    open_fleet(page, service, "switched")
    switch = page.get_by_role("button", name="Switch…")
    expect(switch).to_be_disabled()
    page.get_by_role("radio", name="JLMU Join").check()
    switch.click()
    page.get_by_role("button", name="Switch", exact=True).click()
    expect(page.locator("#policy")).to_have_text("JLMU")
    expect(page.locator("svg.pools .green:not([visibility=hidden])")).to_have_count(0)
    after = service.call("GET", "/v1/fleets/switched")
    assert after["policy"] == "jlmu"
    for document in (before, after):
        for one in document["classes"]:
            del one["pools"]
    assert {**after, "policy": "slta", "config_version": before["config_version"]} == before
    assert service.call("GET", "/v1/fleets/switched/state")["pools"]["active"] == 11


def test_a_policy_that_somebody_else_changed_meanwhile_is_not_overwritten(
    page: Page, service: ServiceProcess, complaints: list[str]
) -> None:
    open_fleet(page, service, "default")
    page.get_by_role("radio", name="JLMU Join").check()
    page.get_by_role("button", name="Switch…").click()
    held = []
    page.route("**/v1/fleets/default", lambda r: held.append(r) if r.request.method == "PUT" else r.continue_())
    page.get_by_role("button", name="Switch", exact=True).click()
    page.wait_for_timeout(300)
    service.call("PUT", "/v1/fleets/default", fleet_document(small=5, large=5) | {"lease_seconds": 60})
    with page.expect_response(lambda answer: answer.request.method == "PUT") as refused:
        held[0].continue_()
    assert refused.value.status == 412
    expect(page.locator("#rights")).to_contain_text("does not have the expected version")
    assert service.call("GET", "/v1/fleets/default")["policy"] == "slta"
    assert "412" in complaints.pop()


def test_it_survives_a_restart_and_says_that_it_is_stale_meanwhile(
    page: Page, service: ServiceProcess, complaints: list[str]
) -> None:
    open_fleet(page, service, "restarted")
    expect(page.locator(".chart .utility[d*=L]").first).to_be_attached()
    service.end()
    expect(page.locator("#connection")).to_have_text("Stale", timeout=PATIENT_MS)
    expect(page.locator("#age")).to_have_text(re.compile(r"for \d+ s"))
    expect(page.locator("#trouble")).to_contain_text("stale")
    assert float(page.locator("#tiles").evaluate("tiles => getComputedStyle(tiles).opacity")) < 1
    expect(page.get_by_role("status")).to_have_text("The numbers are stale.")
    service.start()
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)
    expect(page.locator("#trouble")).to_be_hidden()
    service.assign("restarted", 2)
    expect(page.locator("#tile-sessions .value")).to_have_text(str(SESSIONS + 2))
    assert all(RECONNECT_WORDS in complaint for complaint in complaints)
    complaints.clear()


def first_x(page: Page, line: str) -> float:
    """Where a line of the charts begins, as a share of the chart's width."""
    path = page.locator(f"#charts path.line.{line}[d^=M]").last
    begin = re.match(r"M([\d.]+)", path.get_attribute("d", timeout=PATIENT_MS) or "")
    assert begin is not None
    return float(begin[1]) / float(path.evaluate("path => path.ownerSVGElement.clientWidth"))


def test_the_first_visit_and_one_after_a_restart_show_the_history_that_the_store_keeps(
    context: BrowserContext, complaints: list[str], tmp_path: Path
) -> None:
    with ServiceProcess(tmp_path) as process:
        process.call("PUT", "/v1/fleets/kept", fleet_document(small=3, large=3))
        process.assign("kept", 20)
        with Redis.from_url(f"unix://{served_socket(tmp_path / 'data')}") as redis:
            redis.delete("{kept}:past:60")  # the two lines that are continued are to be of these sessions
            until(lambda: redis.llen("{kept}:past:60") >= 2)
            prolong(redis, "kept")
        spec = compile_spec(FleetFile.read(fleet_document(small=3, large=3)))
        even = least_connections_utility(spec.bound_ranking, [3, 3], 20)
        share = even / process.call("GET", "/v1/fleets/kept/state")["utility_bound"]
        for visitor in (context.new_page(), context.new_page()):
            open_fleet(visitor, process, "kept")
            for reach, words in (("1 hour", "Means of a minute"), ("5 minutes", "Means of 5 seconds")):
                visitor.get_by_role("radio", name=reach).check()
                expect(visitor.locator("#charts-note")).to_have_text(f"{words}, which the store keeps.")
                assert first_x(visitor, "placement") < 0.3
                drawn = visitor.locator("#charts path.line.placement").last.get_attribute("d")
                assert drawn.count("M") == 1, "the line is broken"
            compared = visitor.locator(".chart").filter(has_text="this placement").locator("li")
            expect(compared).to_have_text(["100.00 % this placement", f"{100 * share:.2f} % least connections"])
            lost = f"least connections would lose {100 * (1 - share):.2f} %"
            expect(visitor.locator("#tile-placement-gap .note")).to_contain_text(lost)
            process.end()
            process.start()
        complaints.clear()


def test_a_young_fleet_says_since_when_it_has_a_history(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/young", fleet_document(small=1, large=1))
    open_fleet(page, service, "young")
    expect(page.locator("#charts-note")).to_contain_text(re.compile("from now on: this fleet, .* its last repair is"))
    expect(page.locator("#charts-note")).to_have_text(re.compile("for [0-9]+ s so far"), timeout=PATIENT_MS)


def test_damage_that_the_check_at_the_start_found_is_said(
    context: BrowserContext, complaints: list[str], tmp_path: Path
) -> None:
    with ServiceProcess(tmp_path) as process:
        process.call("PUT", "/v1/fleets/damaged", fleet_document(small=3, large=3))
        socket = served_socket(tmp_path / "data")
        with Redis.from_url(f"unix://{socket}") as redis:
            redis.setbit("{damaged}:level:0:1", 0, 1)
        process.end()
        process.start()
        page = context.new_page()
        open_fleet(page, process, "damaged")
        expect(page.locator("#damage")).to_contain_text("The last audit found damage: ", timeout=PATIENT_MS)
        expect(page.locator("#damage")).to_contain_text("slta audit")


def test_the_foot_says_which_service_and_store_it_is_and_leads_out(
    context: BrowserContext, complaints: list[str], tmp_path: Path
) -> None:
    links = {"Runbook": "https://wiki.example.org/slta#runbook", "Grafana": "https://grafana.example.org/d/slta"}
    settings = {f"SLTA_{name.upper()}_URL": url for name, url in links.items()}
    with ServiceProcess(tmp_path, settings=settings) as process:
        process.call("PUT", "/v1/fleets/default", fleet_document())
        page = context.new_page()
        open_fleet(page, process, "default")
        expect(page.locator("#foot-facts")).to_have_text(f"SLTA {release()} · store: embedded, ready")
        found = page.locator("#foot-links a")
        addresses = {a.text_content(): a.get_attribute("href") for a in found.all()}
        assert addresses == {"API": "/docs", "Metrics": "/metrics"} | links
        for name in ("API", "Metrics"):
            answer = context.request.get(process.url + addresses[name])
            assert answer.ok


def test_the_foot_says_that_the_store_cannot_be_reached(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    body = 'event: trouble\ndata: {"code": "store_unavailable", "detail": "The store does not respond."}\n\n'
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.reload()
    expect(page.locator("#foot-facts")).to_contain_text("store: embedded, not reachable")


def test_another_fleet_can_be_chosen(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    page.locator("#fleet").select_option("many")
    expect(page).to_have_title(re.compile("many"))
    assert page.url.endswith("#many")
    page.go_back()
    expect(page).to_have_title(re.compile("default"))


def test_all_fleets_are_seen_in_one_table_which_leads_to_each(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/overview", fleet_document(small=2, large=2))
    service.call("POST", "/v1/fleets/overview/pools/small-2/drain")
    service.assign("overview", 15)
    open_fleet(page, service, "default")
    page.locator("#fleet").select_option("All fleets")
    rows = page.locator("#overview-table tbody tr")
    row = rows.filter(has=page.get_by_role("link", name="overview"))
    expect(row.locator("td").nth(2)).to_have_text("15")
    assert row.locator("td").all_text_contents()[:4] == ["3", "1", "15", "6 %"]
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#live")).to_be_hidden()
    service.call("PUT", "/v1/fleets/later", fleet_document(small=0, large=0))
    later = rows.filter(has=page.get_by_role("link", name="later"))
    expect(later.locator("td").last).to_have_text("no active pool")
    later.get_by_role("link").click()
    expect(page).to_have_title(re.compile("later"))
    expect(page.locator("#overview")).to_be_hidden()
    expect(page.locator("#fleet")).to_have_value("later")


def test_large_fleets_show_their_distribution_and_still_find_a_pool(
    page: Page, service: ServiceProcess, complaints: list[str]
) -> None:
    open_fleet(page, service, "many")
    expect(page.locator("svg.profile")).to_have_count(2)
    expect(page.locator("svg.pools")).to_have_count(0)
    expect(page.locator("svg.profile").first).to_have_attribute("aria-label", re.compile("small: 200 active pools"))
    for pool_id, facts in (("large-77", "large: "), ("large-7777", "No such pool.")):
        page.get_by_label("Pool", exact=True).fill(pool_id)
        expect(page.locator("#pool-facts")).to_have_text("Press Enter to look it up.")
        page.keyboard.press("Enter")
        expect(page.locator("#pool-facts")).to_contain_text(facts)
    assert "404" in complaints.pop()


def test_a_pool_is_looked_up_although_the_answer_for_another_is_due(
    page: Page, service: ServiceProcess, complaints: list[str]
) -> None:
    open_fleet(page, service, "many")
    page.route("**/pools/large-77", lambda _: None)  # never answered
    for pool_id in ("large-77", "large-7777"):
        page.get_by_label("Pool", exact=True).fill(pool_id)
        page.keyboard.press("Enter")
    expect(page.locator("#pool-facts")).to_have_text("No such pool.")
    assert "404" in complaints.pop()


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
    expect(page.locator("#pool-facts")).to_contain_text("large: 0 sessions of 90, draining")
    page.get_by_text("The pools that are not active, as a table").click()
    expect(page.locator("#pool-table tbody th")).to_have_text(["large-77"])


def test_small_fleets_can_show_their_distribution_too(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    page.get_by_role("radio", name="Distribution").check()
    expect(page.locator("svg.profile")).to_have_count(2)
    page.get_by_text("The distribution as a table").click()
    classes = service.call("GET", "/v1/fleets/default/state")["classes"]
    expect(page.locator("#level-table tbody tr").first).to_be_visible(timeout=PATIENT_MS)
    rows = [row.locator("th, td").all_text_contents() for row in page.locator("#level-table tbody tr").all()]
    for name, level, pools, _ in rows:
        (occupancy,) = (one["occupancy"] for one in classes if one["name"] == name)
        assert [*occupancy, 0][int(level)] == int(pools)
    page.get_by_role("radio", name="Single pools").check()
    expect(page.locator("svg.pools")).to_have_count(2)


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
    wanted = ["Skip to the numbers", "fleet", "pool", "The pools as a table", "What the words mean"]
    assert [one for one in reached if one in wanted] == wanted


def test_a_screen_reader_finds_headings_names_and_descriptions(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    levels = page.get_by_role("heading").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for svg in page.get_by_role("img").all():
        assert svg.get_attribute("aria-label")
    for control in page.locator("input:visible, select:visible, button:visible").all():
        assert control.evaluate("one => (one.labels?.length || one.textContent.trim().length) > 0")
    expect(page.get_by_role("status")).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(
    page: Page, service: ServiceProcess, scheme: Literal["light", "dark"]
) -> None:
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


def test_without_a_fleet_it_says_that_it_waits_for_one(
    context: BrowserContext, complaints: list[str], tmp_path: Path
) -> None:
    with ServiceProcess(tmp_path) as process:
        page = context.new_page()
        page.goto(process.url)
        expect(page.locator("#connection")).to_have_text("Waiting for a fleet")
        process.call("PUT", "/v1/fleets/first", fleet_document())
        expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)


def test_a_fleet_whose_sessions_have_ended_does_not_wait_for_its_first(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/emptied", fleet_document())
    open_fleet(page, service, "emptied")
    verdict = page.locator("#verdict-text")
    expect(verdict).to_have_text("No session yet: the fleet is empty.")
    service.call("POST", "/v1/fleets/emptied/assign", {"session_id": "only"})
    service.call("POST", "/v1/fleets/emptied/complete", {"session_id": "only"})
    expect(verdict).to_have_text("No session at present: the fleet is empty.")


def test_a_gap_of_nothing_is_written_in_one_way(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/perfect", fleet_document())
    service.assign("perfect", 1)
    open_fleet(page, service, "perfect")
    expect(page.locator("#tile-placement-gap .value")).to_have_text("0 %")
    assert "0.000" not in page.locator("#tiles").inner_text()


def test_utilities_are_in_the_fleet_s_unit_if_it_names_one(
    page: Page, service: ServiceProcess, complaints: list[str]
) -> None:
    with httpx.stream("GET", f"{service.url}/console/default/events") as stream:
        frame = next(line for line in stream.iter_lines() if line.startswith('data: {"state"'))
    value = json.loads(frame.removeprefix("data: "))
    value["state"]["utility_unit"] = "frames/s"
    body = f"event: frame\ndata: {json.dumps(value)}\n\n"
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.goto(service.url)
    expect(page.locator("#tile-utility dt")).to_have_text("Utility, frames/s")
    assert cells(page, "class-table")["small"][8].endswith(" frames/s")
    expect(page.locator(".pool-class .facts").first).to_contain_text("frames/s")


def test_every_figure_that_needs_a_word_is_in_the_glossary(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/reported", fleet_document(policy="observe"))
    open_fleet(page, service, "reported")
    titles = page.locator("#tiles dt").all_text_contents()
    explained = page.locator("#glossary dt").all_text_contents()
    assert {"Difference at placing", "Next rank", "Reports left out", "Placement gap", "Swing gap"} <= {*titles}
    assert {*titles} - {"Utility", "Arrivals", "Sessions"} <= {*explained}


def test_a_fleet_that_places_shows_the_differences_of_placed_and_of_reported_sessions(
    page: Page, service: ServiceProcess
) -> None:
    service.call("PUT", "/v1/fleets/shared", fleet_document())
    open_fleet(page, service, "shared")
    expect(page.locator("#tile-rejections")).to_be_visible()
    expect(page.locator("#tile-difference")).to_have_count(0)
    for k in itertools.count():
        service.call("POST", "/v1/fleets/shared/assign", {"session_id": f"placed-{k}"})
        service.call("PUT", f"/v1/fleets/shared/sessions/reported-{k}", {"pool_id": "small-1"})
        for source in ("placed", "reported"):
            service.call("POST", "/v1/fleets/shared/complete", {"session_id": f"{source}-{k}"})
        found = service.call("GET", "/v1/fleets/shared/state")["difference_at_placing_by_source"]
        if found and min(found["placed"]["sessions"], found["reported"]["sessions"]) >= 2:
            break
    tile = page.locator("#tile-difference")
    expect(tile.locator("dt")).to_have_text("Difference at placing")
    expect(tile.locator(".note")).to_contain_text(re.compile(r"placed ± \S+ \(\d+\); reported \S+ ± \S+ \(\d+\)"))


def test_what_cannot_be_clicked_is_not_offered_for_it(page: Page, service: ServiceProcess) -> None:
    open_fleet(page, service, "default")
    field = page.get_by_label("Pool", exact=True)
    expect(field).to_have_attribute("placeholder", "click one, or type its id")
    page.get_by_role("radio", name="Distribution").check()
    expect(field).to_have_attribute("placeholder", "type its id")


def test_with_keys_it_asks_for_one_and_offers_what_the_key_may(
    context: BrowserContext, complaints: list[str], tmp_path: Path
) -> None:
    keys, entries = zip(*(generate_key([scope]) for scope in ("read", "admin")), strict=True)
    file = tmp_path / "keys.yaml"
    lines = [f"- {{id: {one.id}, sha256: {one.sha256}, scopes: [{next(iter(one.scopes))}]}}" for one in entries]
    file.write_text("keys:\n" + "\n".join(lines) + "\n")
    with ServiceProcess(tmp_path, file) as service:
        service.call("PUT", "/v1/fleets/default", fleet_document(), key=keys[1])
        page = context.new_page()
        page.goto(service.url)
        expect(page.locator("#connection")).to_have_text("Waiting for a key")
        use_key(page, "nobody.0123456789abcdef0123456789abcdef")
        expect(page.get_by_role("alert")).to_contain_text("valid key")
        away = {"code": "store_unavailable", "detail": "The store is away.", "status": 503}
        page.route("**/console/fleets", lambda r: r.fulfill(status=503, json=away))
        use_key(page, keys[0])
        expect(page.locator("#connection")).to_have_text("Connecting")
        expect(page.locator("#trouble")).to_have_text("The store is away.")
        page.unroute("**/console/fleets")
        expect(page.locator("#connection")).to_have_text("Live")
        page.get_by_label("Pool", exact=True).fill("small-1")
        expect(page.locator("#pool-facts")).to_contain_text("small: ")
        expect(page.get_by_role("button", name="Drain…", exact=True)).to_be_hidden()
        expect(page.get_by_role("button", name="Switch…")).to_be_hidden()
        page.reload()
        expect(page.locator("#connection")).to_have_text("Live")
        page.get_by_role("button", name="Forget key").click()
        use_key(page, keys[1])
        expect(page.get_by_role("button", name="Switch…")).to_be_visible()
        expect(page.locator("#foot-links")).to_contain_text("Metrics: /metrics, with a key")
        assert not any(key in page.content() or key in page.url for key in keys)
        assert page.evaluate("localStorage.length") == 0
    refusals = [complaint for complaint in complaints if RECONNECT_WORDS in complaint]
    assert refusals == complaints
    complaints.clear()


def use_key(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Use key").click()


def test_a_defect_of_the_page_is_said_and_the_stream_is_kept(
    page: Page, service: ServiceProcess, complaints: list[str]
) -> None:
    frame = 'event: frame\ndata: {"state": null}\n\n'
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=frame))
    page.goto(service.url)
    expect(page.locator("#trouble")).to_contain_text("defect of the page")
    assert any("null" in complaint for complaint in complaints)
    page.unroute_all(behavior="ignoreErrors")
    complaints.clear()
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)


def test_a_policy_that_was_added_through_the_tables_is_shown_and_offered(
    context: BrowserContext, complaints: list[str], tmp_path: Path
) -> None:
    with ServiceProcess(tmp_path, program=("tests.toy.serve",)) as process:
        process.call("PUT", "/v1/fleets/toy", fleet_document(small=3, large=3) | {"policy": "uniform"})
        process.assign("toy", 9)
        page = context.new_page()
        open_fleet(page, process, "toy")
        expect(page.locator("#policy")).to_have_text("Uniform")
        offered = page.locator("#policies input").evaluate_all("all => all.map(one => one.value)")
        assert offered == [*POLICIES, "uniform"]
        expect(page.locator("#policies input:checked")).to_have_value("uniform")
        assert tile(page, "sessions")[0] == "9"


def test_session_types_have_a_table_and_a_gap_of_their_own(page: Page, service: ServiceProcess) -> None:
    types = {"video": ["large"]}
    service.call("PUT", "/v1/fleets/typed", fleet_document(policy="jlmu") | {"session_types": types})
    service.assign("typed", SESSIONS)
    open_fleet(page, service, "default")
    expect(page.locator("#types")).to_be_hidden()
    open_fleet(page, service, "typed")
    expect(page.locator("#types")).to_be_visible()
    found = cells(page, "type-table")
    assert found["default"][:2] == ["small, large", str(SESSIONS)]
    assert found["video"][:2] + found["video"][4:5] == ["large", "0", "large"]
    assert "every class" in tile(page, "compatibility-gap")[1]
    compared = page.locator(".chart").filter(has_text="this placement")
    expect(page.locator("svg .threshold[d^=M]")).to_have_count(0)
    for absent in (page.locator("#tile-rank"), compared.get_by_text("least")):
        expect(absent.locator("visible=true")).to_have_count(0, timeout=PATIENT_MS)
    asked = [{"assign": {"session_id": f"v-{k}", "session_type": "video"}} for k in range(900)]
    service.call("POST", "/v1/fleets/typed/operations", {"operations": asked})
    expect(page.locator("#verdict-text")).to_contain_text("; most often those of type video.", timeout=PATIENT_MS)


@pytest.mark.parametrize(
    ("reserve", "reason"),
    [
        (0, "gpu: adds 1.500, less 0.930 for call, R 0.750"),
        (0.6, "gpu: its last places are kept for call"),
    ],
)
def test_a_table_tells_why_a_class_is_left_to_another_type(
    page: Page, service: ServiceProcess, reserve: float, reason: str
) -> None:
    """18 calls and 3 chats are on 24 places: the chance that calls take the last 3 is 0.75^(9/8) · 18/21.

    The price is 1.5 times it; 0.6 (1 + √18) = 3.1 places are kept.
    """
    service.call("PUT", "/v1/fleets/priced", PRICED | {"reserve": reserve})
    asked = [{"session_id": f"s-{k}", "session_type": "call" if k < 18 else "chat"} for k in range(21)]
    service.call("POST", "/v1/fleets/priced/operations", {"operations": [{"assign": one} for one in asked]})
    open_fleet(page, service, "priced")
    expect(page.get_by_text(reason).first).to_be_visible(timeout=PATIENT_MS)
    found = cells(page, "type-table")
    assert found["chat"][4:] == ["small", "0.600", reason]
    assert found["call"][4:] == ["gpu", "1.500", "–"]
    expect(page.locator("#next-placement")).to_have_text("")
    open_fleet(page, service, "default")
    expect(page.locator("#next-placement")).not_to_have_text("")


def test_pools_that_stopped_their_heartbeats_degrade_the_sentence_and_have_their_signs(
    page: Page, service: ServiceProcess
) -> None:
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


def test_a_chart_has_the_sessions_the_room_and_what_was_rejected_before_the_first_visit(
    page: Page, service: ServiceProcess
) -> None:
    service.call("PUT", "/v1/fleets/crowded", fleet_document(small=1, large=0))
    chart = page.locator(".chart").filter(has_text="Sessions, and the room for them")
    open_fleet(page, service, "crowded")
    expect(page.locator("#charts-note")).to_contain_text("so far", timeout=PATIENT_MS)  # a line is kept
    asked = [{"assign": {"session_id": f"s-{k}"}} for k in range(63)]
    service.call("POST", "/v1/fleets/crowded/operations", {"operations": asked})
    expect(chart.locator("li")).to_have_text(["60 room", "60 sessions", "3 rejected"], timeout=PATIENT_MS)
    expect(chart.locator(".boxes rect")).to_have_count(1)
    page.reload()
    expect(page.locator("#verdict-text")).to_have_text("3 sessions were rejected in the last minute.")
