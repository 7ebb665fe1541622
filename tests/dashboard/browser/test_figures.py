"""The figures, the tables of classes and types, and the sentences about them."""

from __future__ import annotations

import itertools
import json
import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from testbed.service_process import ServiceProcess
from tests.dashboard.browser.conftest import BROWSER, PATIENT_MS, SESSIONS, cells, open_fleet, tile
from tests.dashboard.conftest import PRICED, fleet_document

pytestmark = BROWSER


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


def test_where_others_place_it_says_the_loss_and_nothing_of_learning(page: Page, service: ServiceProcess) -> None:
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


def test_a_gap_of_nothing_is_written_in_one_way(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/perfect", fleet_document())
    service.assign("perfect", 1)
    open_fleet(page, service, "perfect")
    expect(page.locator("#tile-placement-gap .value")).to_have_text("0 %")
    assert "0.000" not in page.locator("#tiles").inner_text()


def test_utilities_are_in_the_fleet_s_own_unit(page: Page, service: ServiceProcess, complaints: list[str]) -> None:
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


def test_a_placing_fleet_shows_differences_by_source(page: Page, service: ServiceProcess) -> None:
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
    [(0, "gpu: adds 1.500, less 0.930 for call, R 0.750"), (0.6, "gpu: its last places are kept for call")],
)
def test_it_tells_why_a_type_avoids_a_class(page: Page, service: ServiceProcess, reserve: float, reason: str) -> None:
    """18 calls and 3 chats are on 24 places: the chance that calls take the last 3 is 0.75^(9/8) · 18/21.

    The price is 1.5 times it; 0.6 (1 + √19) = 3.2 places are kept.
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


def test_a_fleet_whose_sessions_have_ended_does_not_wait_for_its_first(page: Page, service: ServiceProcess) -> None:
    service.call("PUT", "/v1/fleets/emptied", fleet_document())
    open_fleet(page, service, "emptied")
    verdict = page.locator("#verdict-text")
    expect(verdict).to_have_text("No session yet: the fleet is empty.")
    service.call("POST", "/v1/fleets/emptied/assign", {"session_id": "only"})
    service.call("POST", "/v1/fleets/emptied/complete", {"session_id": "only"})
    expect(verdict).to_have_text("No session at present: the fleet is empty.")
