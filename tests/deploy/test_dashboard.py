"""The committed JSON is what the Python says, and every panel explains itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from deploy.grafana import dashboard
from deploy.identity import FLEET, INSTALLATION
from deploy.objective import WINDOWS
from slta.api.fast_path import FAST_ROUTES
from tests.inventory import each

PROVISIONING = Path(dashboard.__file__).parent / "provisioning"
BOARD = json.loads(dashboard.FILE.read_text(encoding="utf-8"))
VARIABLES = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
CHOSEN = {"type": "prometheus", "uid": "${datasource}"}
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]

QUERIES = [query["expr"] for panel in PANELS for query in panel["targets"]]
QUERIES += [mark["target"]["expr"] for mark in BOARD["annotations"]["list"]]


def test_the_json_is_what_the_python_builds() -> None:
    assert dashboard.FILE.read_text(encoding="utf-8") == dashboard.text(), "run python -m deploy.grafana.dashboard"


@each("panel", PANELS)
def test_a_panel_explains_itself_and_asks_the_chosen_source(panel: dict[str, Any]) -> None:
    assert 20 < len(panel["description"]) < 260
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert [query for query in [panel, *panel["targets"]] if query["datasource"] != CHOSEN] == []


def test_the_provisioned_source_is_one_that_can_be_chosen_and_is_by_itself() -> None:
    source = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"][0]
    variable = VARIABLES["datasource"]
    assert (variable["type"], variable["query"]) == ("datasource", source["type"])
    assert source["isDefault"]


def test_nothing_in_the_dashboard_names_a_source_of_its_own() -> None:
    text = dashboard.FILE.read_text(encoding="utf-8")
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"${datasource}", "slta"}


def test_each_label_of_a_fleet_is_chosen_among_those_of_the_labels_before_it() -> None:
    assert list(VARIABLES) == ["datasource", *FLEET, "pool_class", "runbook", "live_page"]
    for at, label in enumerate(FLEET):
        query = VARIABLES[label]["query"]
        assert re.findall(r'(\w+)="\$\1"', query) == list(FLEET[:at])
        assert not VARIABLES[label]["includeAll"], "two installations would be one line"


@each("query", QUERIES)
def test_a_query_asks_one_installation(query: str) -> None:
    selectors = re.findall(r"\{([^{}]*)\}", query)
    assert selectors
    assert [
        selector for selector in selectors if not set(re.findall(r'(\w+)="\$\1"', selector)) >= set(INSTALLATION)
    ] == []


def test_links_lead_where_their_variables_say() -> None:
    links = {link["title"]: link["url"] for link in BOARD["links"]}
    assert links == {"Runbook": "${runbook}", "Live page": "${live_page}"}
    assert [
        name
        for name in ("runbook", "live_page")
        if not (VARIABLES[name]["type"] == "textbox" and VARIABLES[name]["query"])
    ] == []


def test_changes_restarts_and_alerts_are_marked() -> None:
    names = [mark["name"] for mark in BOARD["annotations"]["list"]]
    assert names == ["Configuration changed", "Fleet created anew", "Dispatcher restarted", "Alert"]


def test_no_two_panels_share_an_id_or_a_place() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_latency_shows_every_call_of_sessions_bulk_calls_and_reports_too() -> None:
    queries = [query["expr"] for panel in PANELS if panel["title"] == "Latency" for query in panel["targets"]]
    calls = [("POST", route.path) for route in FAST_ROUTES.values() if "/pools/" not in route.path]
    calls += [("PUT", "/v1/fleets/{fleet}/sessions/{session_id}")]
    for query in queries:
        methods, routes = re.findall(r'(?:http_request_method|http_route)=~"([^"]*)"', query)
        assert [call for call in calls if not (re.fullmatch(methods, call[0]) and re.fullmatch(routes, call[1]))] == []
        assert not re.fullmatch(methods, "GET"), "reading a session is not one"
        assert not re.fullmatch(routes, "/v1/fleets/{fleet}/state")


def test_overload_and_server_errors_have_panels() -> None:
    text = " ".join(QUERIES)
    for part in ('error_type="overloaded"', "slta_connections_refused_total", 'http_response_status_code=~"5.."'):
        assert part in text
    assert {f"ratio{window}{{" in text for window in WINDOWS} == {True}


def test_the_first_row_answers_how_good_the_placement_is() -> None:
    assert BOARD["panels"][0]["title"] == "How good is the placement now"
    first = {panel["title"] for panel in BOARD["panels"][1:10]}
    assert {"Utility against its bound", "Placement gap, 5 minutes", "Swing gap, 5 minutes", "Sessions"} <= first
    assert "Rejected" in "\n".join(first)
