"""The dashboard in Grafana's own JSON. `python -m deploy.grafana.dashboard` writes it to dashboards/slta.json."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as dashboards

from deploy.grafana.panels import SOURCE
from deploy.grafana.rows import ROWS

FILE = Path(__file__).parent / "dashboards/slta.json"
EVERY_VALUE = dashboards.VariableOption(selected=True, text="All", value="$__all")


def variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A choice whose values come from a label."""
    found = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    return found.refresh(dashboards.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        dashboards.VariableSort.ALPHABETICAL_ASC
    )


def empty_board() -> dashboard.Dashboard:
    classes = variable("pool_class", "Class", 'label_values(slta_pools{fleet="$fleet"}, pool_class)')
    return (
        dashboard.Dashboard("SLTA: placement and service")
        .uid("slta")
        .description("How close to the proven optimum sessions are placed, and how the service does.")
        .tags(["slta"])
        .time("now-30m", "now")
        .refresh("5s")
        .timezone("browser")
        .readonly()
        .tooltip(dashboards.DashboardCursorSync.CROSSHAIR)
        .with_variable(variable("fleet", "Fleet", "label_values(slta_store_epoch, fleet)"))
        .with_variable(classes.include_all(True).multi(True).current(EVERY_VALUE))  # noqa: FBT003
    )


def build() -> dashboards.Dashboard:
    """The whole dashboard."""
    board = empty_board()
    ids = count(1)
    for row in ROWS:
        head = dashboard.Row(row.title).id(next(ids))
        board = board.with_row(head.repeat(row.repeat) if row.repeat else head)
        for panel in row.panels:
            board = board.with_panel(panel.draw().id(next(ids)))
    return board.build()


def text() -> str:
    """The dashboard as the JSON that Grafana reads."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build()) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
