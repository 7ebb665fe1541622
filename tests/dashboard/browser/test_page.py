"""The page in a real Chromium: fleets, keys, policies, and what it says while something is away."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Route, expect
from redis import Redis

from slta import release
from slta.store.embedded.data_dir import served_socket
from testbed.service_process import ServiceProcess, key_file
from tests.dashboard.browser.conftest import BROWSER, PATIENT_MS, RECONNECT_WORDS, SESSIONS, open_fleet, tile
from tests.dashboard.conftest import fleet_document

pytestmark = BROWSER


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


def test_it_survives_a_restart_and_says_it_is_stale(page: Page, service: ServiceProcess, complaints: list[str]) -> None:
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
    assert [complaint for complaint in complaints if RECONNECT_WORDS not in complaint] == []
    complaints.clear()


def test_damage_found_by_the_check_is_said(context: BrowserContext, complaints: list[str], tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as process:
        process.call("PUT", "/v1/fleets/damaged", fleet_document(small=3, large=3))
        socket = served_socket(tmp_path / "data")
        with Redis.from_url(f"unix://{socket}") as redis:
            redis.setbit("{damaged}:used:0", 0, 0)
        process.end()
        process.start()
        page = context.new_page()
        open_fleet(page, process, "damaged")
        expect(page.locator("#damage")).to_contain_text("The last audit found damage: ", timeout=PATIENT_MS)
        expect(page.locator("#damage")).to_contain_text("slta audit")


def test_a_negative_count_says_that_the_fleet_is_damaged(context: BrowserContext, tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as process:
        process.call("PUT", "/v1/fleets/damaged", fleet_document(small=3, large=3))
        with Redis.from_url(f"unix://{served_socket(tmp_path / 'data')}") as redis:
            redis.zadd("{damaged}:leaving:0", {"1048576": -2})
        page = context.new_page()
        open_fleet(page, process, "damaged")
        note = page.locator("#tile-sessions .note")
        expect(note).to_contain_text("−2 (damaged: audit) more on draining pools")


def test_the_foot_names_service_and_store(context: BrowserContext, complaints: list[str], tmp_path: Path) -> None:
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


def test_without_a_fleet_it_says_it_waits(context: BrowserContext, complaints: list[str], tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as process:
        page = context.new_page()
        page.goto(process.url)
        expect(page.locator("#connection")).to_have_text("Waiting for a fleet")
        process.call("PUT", "/v1/fleets/first", fleet_document())
        expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)


def test_with_keys_it_offers_what_the_key_may(context: BrowserContext, complaints: list[str], tmp_path: Path) -> None:
    file, keys = key_file(tmp_path, ["read"], ["admin"])
    with ServiceProcess(tmp_path, keys_file=file) as service:
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
        page.reload()
        expect(page.locator("#connection")).to_have_text("Live")
        page.get_by_role("button", name="Forget key").click()
        use_key(page, keys[1])
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator("#foot-links")).to_contain_text("Metrics: /metrics, with a key")
        assert [key for key in keys if key in page.content() or key in page.url] == []
        assert page.evaluate("localStorage.length") == 0
    refusals = [complaint for complaint in complaints if RECONNECT_WORDS in complaint]
    assert refusals == complaints
    complaints.clear()


def use_key(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Use key").click()


def test_a_defect_of_the_page_keeps_the_stream(page: Page, service: ServiceProcess, complaints: list[str]) -> None:
    frame = 'event: frame\ndata: {"state": null}\n\n'
    page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=frame))
    page.goto(service.url)
    expect(page.locator("#trouble")).to_contain_text("defect of the page")
    assert "null" in "\n".join(complaints)
    page.unroute_all(behavior="ignoreErrors")
    complaints.clear()
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENT_MS)


def test_a_policy_added_to_tables_is_shown(context: BrowserContext, complaints: list[str], tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, program=("-m", "tests.toy.serve")) as process:
        process.call("PUT", "/v1/fleets/toy", fleet_document(small=3, large=3) | {"policy": "uniform"})
        process.assign("toy", 9)
        page = context.new_page()
        open_fleet(page, process, "toy")
        expect(page.locator("#policy")).to_have_text("Uniform")
        assert tile(page, "sessions")[0] == "9"
