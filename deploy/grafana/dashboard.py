"""The dashboard, in typed Python. `python -m deploy.grafana.dashboard` writes it to dashboards/slta.json."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as dashboards
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FILE = Path(__file__).parent / "dashboards/slta.json"
SOURCE = dashboards.DataSourceRef(type_val="prometheus", uid="prometheus")


class Query(NamedTuple):
    """An expression and what its series are called."""

    expr: str
    legend: str


def target(query: Query, number: int, form: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> prometheus.Dataquery:
    """One query of a panel."""
    found = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).format(form)
    return found.ref_id("ABCDEFGH"[number]).datasource(SOURCE).range()


def steps(*bounds: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """Green, and from each bound on another colour."""
    found = [dashboards.Threshold(value=None, color="green")]
    found += [dashboards.Threshold(value=value, color=color) for value, color in bounds]
    return dashboard.ThresholdsConfig().mode(dashboards.ThresholdsMode.ABSOLUTE).steps(found)


def number(
    title: str, description: str, *queries: Query, unit: str, bounds: Sequence[tuple[float, str]] = (), span: int = 4
) -> stat.Panel:
    """A panel of large numbers with their recent course behind them."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).unit(unit).span(span).height(4)
    panel = panel.reduce_options(last).graph_mode(models.BigValueGraphMode.AREA).thresholds(steps(*bounds))
    panel = panel.color_scheme(dashboard.FieldColor().mode(dashboards.FieldColorModeId.THRESHOLDS))
    for k, query in enumerate(queries):
        panel = panel.with_target(target(query, k))
    return panel


def chart(
    title: str, description: str, *queries: Query, unit: str = "short", span: int = 8, stacked: bool = False
) -> timeseries.Panel:
    """A panel of lines over time."""
    legend = common.VizLegendOptions().show_legend(True).placement(models.LegendPlacement.BOTTOM)  # noqa: FBT003
    legend = legend.display_mode(models.LegendDisplayMode.LIST)
    tooltip = common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI)
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel = panel.span(span).height(8).legend(legend).tooltip(tooltip).show_points(models.VisibilityMode.NEVER)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL)).fill_opacity(30)
    for k, query in enumerate(queries):
        panel = panel.with_target(target(query, k))
    return panel


def occupancies(title: str, description: str, expr: str) -> heatmap.Panel:
    """A panel with the share of pools at every number of sessions, over time."""
    colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64).min(0).max(1)
    panel = heatmap.Panel().title(title).description(description).datasource(SOURCE).span(12).height(9)
    panel = panel.calculate(False).color(colors).cell_gap(0).unit("percentunit")  # noqa: FBT003
    return panel.with_target(target(Query(expr, "{{le}}"), 0, PromQueryFormat.HEATMAP))


FLEET = 'fleet="$fleet"'


def placement() -> list[stat.Panel | timeseries.Panel]:
    """How good is the placement now?"""
    return [
        number(
            "Placement gap, 5 minutes",
            "Utility lost because sessions lie on the wrong pools: what better placement could win.",
            Query(f'fleet_window:slta_relative_placement_gap:max{{{FLEET},window="300"}}', "placement"),
            unit="percentunit",
            bounds=[(0.01, "yellow"), (0.02, "red")],
        ),
        number(
            "Swing gap, 5 minutes",
            "Utility lost because the load swings: no placement can win it back.",
            Query(f'fleet_window:slta_relative_swing_gap:max{{{FLEET},window="300"}}', "swings"),
            unit="percentunit",
        ),
        number(
            "Of the bound, now",
            "Utility of all active pools as a share of the most that the present sessions allow.",
            Query(f"1 - fleet:slta_relative_gap:max{{{FLEET}}}", "of the bound"),
            unit="percentunit",
        ),
        number(
            "Sessions",
            "Sessions on active pools, and on pools that are being emptied.",
            Query(f"fleet_status:slta_sessions:sum{{{FLEET}}}", "{{status}}"),
            unit="short",
        ),
        number(
            "Room taken",
            "Sessions as a share of what the active pools can hold.",
            Query(f"fleet:slta_fullness:ratio{{{FLEET}}}", "taken"),
            unit="percentunit",
            bounds=[(0.8, "yellow"), (0.9, "red")],
        ),
        number(
            "Rejected, 5 minutes",
            "Share of arriving sessions that were turned away.",
            Query(f"fleet:slta_rejections:ratio5m{{{FLEET}}}", "rejected"),
            unit="percentunit",
            bounds=[(0.000001, "yellow"), (0.01, "red")],
        ),
        chart(
            "Utility against its bound",
            "What all active pools yield, and the most that any placement of the same sessions could.",
            Query(f"fleet:slta_utility_bound:max{{{FLEET}}}", "bound"),
            Query(f"fleet:slta_utility:max{{{FLEET}}}", "utility"),
        ),
        chart(
            "Gaps to the bound",
            "Means over a minute and an hour, as shares of the bound: placement is ours to win, swings are the load's.",
            Query(
                f'fleet_window:slta_relative_placement_gap:max{{{FLEET},window=~"60|3600"}}', "placement, {{window}} s"
            ),
            Query(f'fleet_window:slta_relative_swing_gap:max{{{FLEET},window=~"60|3600"}}', "swings, {{window}} s"),
            unit="percentunit",
        ),
        chart(
            "Sessions placed, ended and turned away",
            "Sessions per second that were placed, ended or rejected.",
            Query(f"sum(fleet_token:slta_assignments:rate1m{{{FLEET}}})", "placed"),
            Query(f"fleet:slta_completions:rate1m{{{FLEET}}}", "completed"),
            Query(f"fleet:slta_leases_expired:rate1m{{{FLEET}}}", "lease over"),
            Query(f"fleet_reason:slta_rejections:rate1m{{{FLEET}}}", "rejected: {{reason}}"),
            unit="cps",
        ),
    ]


def learning() -> list[timeseries.Panel]:
    """What the policy has learned."""
    return [
        chart(
            "Estimate r and the optimal rank",
            "SLTA learns r: it is right within a step or two, and at some loads alternates between neighbours.",
            Query(f"fleet:slta_estimate_rank:max{{{FLEET}}}", "r"),
            Query(f"fleet:slta_optimal_rank:max{{{FLEET}}}", "optimum"),
        ),
        chart(
            "Thresholds",
            "Sessions below which a pool of the class has a green token, learned and optimal.",
            Query(f"max by (pool_class) (slta_threshold{{{FLEET}}})", "{{pool_class}}"),
            Query(f"max by (pool_class) (slta_optimal_threshold{{{FLEET}}})", "{{pool_class}}, optimal"),
        ),
        chart(
            "Tokens",
            "Pools with a green or a yellow token: green ones are wanted first. Above the line r goes down.",
            Query(f"max by (pool_class, color) (slta_tokens{{{FLEET}}})", "{{color}}, {{pool_class}}"),
            Query(f"max(slta_min_green_to_decrement{{{FLEET}}})", "r goes down from here on"),
        ),
        chart(
            "What decided",
            "Sessions placed per second by the token that decided; none should be rare.",
            Query(f"fleet_token:slta_assignments:rate1m{{{FLEET}}}", "{{token}}"),
            unit="cps",
            span=12,
            stacked=True,
        ),
        chart(
            "Steps of r",
            "Steps per second, up and down.",
            Query(f"fleet_direction:slta_learning_steps:rate1m{{{FLEET}}}", "{{direction}}"),
            unit="cps",
            span=12,
        ),
    ]


CLASS = f'{FLEET},pool_class="$pool_class"'


def as_distribution(metric: str) -> str:
    """Fractions with at least j sessions become those with fewer than j: the cumulative form that a heat map reads."""
    return f'label_replace(max by (level) (1 - {metric}{{{CLASS}}}), "le", "$1", "level", "(.*)")'


def spread() -> list[heatmap.Panel]:
    """How the sessions of one class are spread, beside how they should be."""
    return [
        occupancies(
            "Occupancy, $pool_class",
            "Share of the class's pools at each number of sessions: wanted is one sharp line, or two neighbours.",
            as_distribution("slta_occupancy_fraction"),
        ),
        occupancies(
            "Optimal assignment, $pool_class",
            "The same for the best placement of the present sessions: the two pictures should look alike.",
            as_distribution("slta_optimal_occupancy_fraction"),
        ),
    ]


def prices() -> list[timeseries.Panel]:
    """What sessions and pools are worth."""
    return [
        chart(
            "Marginal utility per class",
            "Worth of one more session on the class's emptiest pool. Equal lines mean all is well: it is these that "
            "should be equal, so unequal occupancies are right. The price is the optimum's.",
            Query(f"max by (pool_class) (slta_marginal_utility{{{FLEET}}})", "{{pool_class}}"),
            Query(f"max(slta_load_price{{{FLEET}}})", "price of load"),
        ),
        chart(
            "Worth of one more pool",
            "What another pool of the class would add: buy where it is highest for its cost, drain where it is lowest.",
            Query(f"max by (pool_class) (slta_pool_worth{{{FLEET}}})", "{{pool_class}}"),
        ),
        chart(
            "Sessions per active pool",
            "Mean occupancy of each class.",
            Query(
                f'max by (pool_class) (slta_sessions{{{FLEET},status="active"}} '
                f'/ (slta_pools{{{FLEET},status="active"}} > 0))',
                "{{pool_class}}",
            ),
        ),
    ]


CALLS = ".*/(assign|complete|renew)"


def service() -> list[timeseries.Panel]:
    """How the dispatchers and the store do; here replicas are added up."""
    return [
        chart(
            "Requests",
            "Requests per second by route, over all dispatchers.",
            Query("route:slta_requests:rate1m", "{{route}}"),
            unit="reqps",
            stacked=True,
        ),
        chart(
            "Latency",
            "Time to answer the calls of sessions: the median and the slowest in a hundred.",
            Query(f'route:slta_request_duration_seconds:p50{{route=~"{CALLS}"}}', "median {{route}}"),
            Query(f'route:slta_request_duration_seconds:p99{{route=~"{CALLS}"}}', "99 % {{route}}"),
            unit="s",
        ),
        chart(
            "Store time",
            "Time of a call of the store, network included: the median and the slowest in a hundred.",
            Query('function:slta_store_duration_seconds:p50{function=~"batch|snapshot|tick"}', "median {{function}}"),
            Query('function:slta_store_duration_seconds:p99{function=~"batch|snapshot|tick"}', "99 % {{function}}"),
            unit="s",
        ),
        chart(
            "Batch size",
            "Operations that shared a call of the store; it grows with the load, up to 128.",
            Query("slta:batch_size:mean1m", "mean"),
        ),
        chart(
            "Errors",
            "Answers that were not 2xx (503 for a full fleet among them) and failed calls of the store, per second.",
            Query(
                'sum by (status) (rate(slta_request_duration_seconds_count{status!="2xx"}[1m])) or vector(0)',
                "answers {{status}}",
            ),
            Query("sum by (kind) (rate(slta_store_errors_total[1m])) or vector(0)", "store {{kind}}"),
            unit="cps",
        ),
        chart(
            "Processes",
            "Processor time of each dispatcher, and whether it reaches the store.",
            Query('rate(process_cpu_seconds_total{job="slta"}[1m])', "processors {{instance}}"),
            Query("slta_store_up", "store up {{instance}}"),
        ),
    ]


def variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A choice whose values come from a label."""
    found = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    return found.refresh(dashboards.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        dashboards.VariableSort.ALPHABETICAL_ASC
    )


def build() -> dashboards.Dashboard:
    """The whole dashboard."""
    everything = dashboards.VariableOption(selected=True, text="All", value="$__all")
    classes = variable("pool_class", "Class", 'label_values(slta_pools{fleet="$fleet"}, pool_class)')
    board = (
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
        .with_variable(classes.include_all(True).multi(True).current(everything))  # noqa: FBT003
    )
    rows: list[tuple[dashboard.Row, Sequence[stat.Panel | timeseries.Panel | heatmap.Panel]]] = [
        (dashboard.Row("How good is the placement now"), placement()),
        (dashboard.Row("What the policy has learned"), learning()),
        (dashboard.Row("Where sessions are, $pool_class").repeat("pool_class"), spread()),
        (dashboard.Row("What sessions and pools are worth"), prices()),
        (dashboard.Row("The service"), service()),
    ]
    ids = count(1)
    for row, panels in rows:
        board = board.with_row(row.id(next(ids)))
        for panel in panels:
            board = board.with_panel(panel.id(next(ids)))
    return board.build()


def text() -> str:
    """The dashboard as the JSON that Grafana reads."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build()) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
