"""The charts, and the history that the store keeps."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect
from redis import Redis

from slta.core.least_connections import least_connections_utility
from slta.fleet_file import FleetFile, compile_spec
from slta.store.embedded.data_dir import served_socket
from testbed.awaiting import until
from testbed.service_process import ServiceProcess
from tests.dashboard.browser.conftest import BROWSER, PATIENT_MS, open_fleet
from tests.dashboard.conftest import fleet_document
from tests.dashboard.kept import prolong

pytestmark = BROWSER


def first_x(page: Page, line: str) -> float:
    """Where a line of the charts begins, as a share of the chart's width."""
    path = page.locator(f"#charts path.line.{line}[d^=M]").last
    begin = re.match(r"M([\d.]+)", path.get_attribute("d", timeout=PATIENT_MS) or "")
    assert begin is not None
    return float(begin[1]) / float(path.evaluate("path => path.ownerSVGElement.clientWidth"))


def test_visits_show_the_history_that_is_stored(context: BrowserContext, complaints: list[str], tmp_path: Path) -> None:
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


def test_a_chart_has_sessions_room_and_rejections_before_the_first_visit(page: Page, service: ServiceProcess) -> None:
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
