"""The dashboard in Grafana's own JSON. `python -m deploy.grafana.dashboard` writes it to dashboards/slta.json."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as dashboards

from deploy.grafana.marks import ANNOTATIONS, Annotation
from deploy.grafana.panels import SOURCE
from deploy.grafana.rows import ROWS
from deploy.identity import FLEET, RUNBOOK_URL, chosen, selecting

FILE = Path(__file__).parent / "dashboards/slta.json"
EVERY_VALUE = dashboards.VariableOption(selected=True, text="All", value="$__all")
ADDRESSES = {
    "runbook": ("Runbook", RUNBOOK_URL),
    "live_page": ("Live page", "http://localhost:8080/"),
}
"""Where links lead: set them once, as the defaults of these variables."""


def choices() -> Iterator[Builder[dashboards.VariableModel]]:
    """A source, then each label of a fleet among those that the labels before it leave, then a class."""
    yield dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    for at, label in enumerate(FLEET):
        yield choice(
            label,
            label.capitalize(),
            f"label_values(slta_store_epoch_timestamp_seconds{{{chosen(FLEET[:at])}}}, {label})",
        )
    classes = choice("pool_class", "Class", selecting("label_values(slta_pools{FLEET}, pool_class)"))
    yield classes.include_all(True).multi(True).current(EVERY_VALUE)  # noqa: FBT003
    for name, (label, address) in ADDRESSES.items():
        here = dashboards.VariableOption(selected=True, text=address, value=address)
        box = dashboard.TextBoxVariable(name).label(label).default_value(address)
        yield box.current(here).hide(dashboards.VariableHide.HIDE_VARIABLE)


def choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A choice among the values of a label; where no series has it, the empty text, which PromQL takes for absent."""
    found = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    return found.refresh(dashboards.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        dashboards.VariableSort.ALPHABETICAL_ASC
    )


def links() -> Iterator[dashboard.DashboardLink]:
    """The runbook and the live page, at the top."""
    for name, (label, _) in ADDRESSES.items():
        link = dashboard.DashboardLink(label).type(dashboards.DashboardLinkType.LINK).url(f"${{{name}}}")
        yield link.icon("external link").target_blank(True)  # noqa: FBT003


def marks(annotation: Annotation) -> dashboard.AnnotationQuery:
    """What is marked in every chart."""
    mark = dashboard.AnnotationQuery().name(annotation.name).datasource(SOURCE).enable(True)  # noqa: FBT003
    query: Any = prometheus.Dataquery().expr(selecting(annotation.query)).ref_id(annotation.name)
    return mark.icon_color(annotation.color).target(query)  # the SDK expects a query of Grafana's own store


def empty_board() -> dashboard.Dashboard:
    board = (
        dashboard.Dashboard("SLTA: placement and service")
        .uid("slta")
        .description("How close to the proven optimum sessions are placed, and how the service does.")
        .tags(["slta"])
        .time("now-30m", "now")
        .refresh("5s")
        .timezone("browser")
        .editable()
        .tooltip(dashboards.DashboardCursorSync.CROSSHAIR)
    )
    for variable in choices():
        board = board.with_variable(variable)
    for link in links():
        board = board.link(link)
    for annotation in ANNOTATIONS:
        board = board.annotation(marks(annotation))
    return board


def build() -> dashboards.Dashboard:
    """The whole dashboard, without the settings of interval variables that the SDK gives to each query variable."""
    board = empty_board()
    ids = count(1)
    for row in ROWS:
        head = dashboard.Row(row.title).id(next(ids))
        board = board.with_row(head.repeat(row.repeat) if row.repeat else head)
        for panel in row.panels:
            board = board.with_panel(panel.draw().id(next(ids)))
    built = board.build()
    for variable in built.templating.list_val or []:
        variable.auto = variable.auto_count = variable.auto_min = None
    return built


def text() -> str:
    """The dashboard as the JSON that Grafana reads."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build()) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
