"""The committed JSON is what the Python says, and every panel explains itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import dashboard

PROVISIONING = Path(dashboard.__file__).parent / "provisioning"
BOARD = json.loads(dashboard.FILE.read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def test_the_json_is_what_the_python_builds() -> None:
    assert dashboard.FILE.read_text(encoding="utf-8") == dashboard.text(), "run python -m deploy.grafana.dashboard"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_explains_itself_and_asks_the_provisioned_source(panel: dict[str, Any]) -> None:
    source = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"][0]
    wanted = {"type": source["type"], "uid": source["uid"]}
    assert 20 < len(panel["description"]) < 260
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert all(query["datasource"] == wanted for query in [panel, *panel["targets"]])


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


def test_the_first_row_answers_how_good_the_placement_is() -> None:
    assert BOARD["panels"][0]["title"] == "How good is the placement now"
    first = {panel["title"] for panel in BOARD["panels"][1:10]}
    assert {"Utility against its bound", "Placement gap, 5 minutes", "Swing gap, 5 minutes", "Sessions"} <= first
    assert any("Rejected" in title for title in first)
