"""The kinds of panels: what a row of the dashboard says of one, and how Grafana is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries, trend
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as dashboards
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.identity import selecting

SOURCE = dashboards.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""What the dashboard's variable of that name has chosen."""
LETTERS = "ABCDEFGH"

Drawn = TypeVar("Drawn", stat.Panel, timeseries.Panel, heatmap.Panel, trend.Panel)


class Number(NamedTuple):
    """Large numbers with their recent course behind them; from each bound on in another colour.

    `words` are shown instead of some values, each with its colour.
    """

    title: str
    description: str
    queries: Mapping[str, str]
    unit: str = "percentunit"
    bounds: Sequence[tuple[float, str]] = ()
    words: Mapping[str, tuple[str, str]] = MappingProxyType({})
    span: int = 4

    def draw(self) -> stat.Panel:
        last = common.ReduceDataOptions().calcs(["lastNotNull"])
        colors = dashboard.FieldColor().mode(dashboards.FieldColorModeId.THRESHOLDS)
        panel = titled(stat.Panel(), self).unit(self.unit).span(self.span).height(4).reduce_options(last)
        panel = panel.graph_mode(models.BigValueGraphMode.AREA).thresholds(steps(self.bounds)).color_scheme(colors)
        return panel.mappings(mappings(self.words)).targets(targets(self.queries))


class Chart(NamedTuple):
    """Lines over time."""

    title: str
    description: str
    queries: Mapping[str, str]
    unit: str = "short"
    span: int = 8
    stacked: bool = False

    def draw(self) -> timeseries.Panel:
        legend = common.VizLegendOptions().show_legend(True).placement(models.LegendPlacement.BOTTOM)  # noqa: FBT003
        legend = legend.display_mode(models.LegendDisplayMode.LIST)
        tooltip = common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI)
        panel = titled(timeseries.Panel(), self).unit(self.unit).span(self.span).height(8)
        panel = panel.legend(legend).tooltip(tooltip).show_points(models.VisibilityMode.NEVER)
        if self.stacked:
            panel = panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL)).fill_opacity(30)
        return panel.targets(targets(self.queries))


class Occupancies(NamedTuple):
    """The share of a class's pools at every number of sessions, over time.

    `fractions` is a metric with those that hold at least j sessions. A heat map reads those with fewer than j.
    """

    title: str
    description: str
    fractions: str

    def draw(self) -> heatmap.Panel:
        fewer = f'1 - {self.fractions}{{FLEET,pool_class="$pool_class"}}'
        query = f'label_replace(max by (level) ({fewer}), "le", "$1", "level", "(.*)")'
        colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64).min(0).max(1)
        panel = titled(heatmap.Panel(), self).span(12).height(9).unit("percentunit")
        panel = panel.calculate(False).color(colors).cell_gap(0)  # noqa: FBT003
        return panel.targets(targets({"{{le}}": query}, PromQueryFormat.HEATMAP))


class Curve(NamedTuple):
    """Present values of metrics by number of sessions, of a class: the first as a line, the others as points."""

    title: str
    description: str
    metrics: Mapping[str, str]

    def draw(self) -> trend.Panel:
        queries = {
            legend: f'max by (level) ({metric}{{FLEET,pool_class="$pool_class"}})'
            for legend, metric in self.metrics.items()
        }
        names = {f"Value #{letter}": legend for letter, legend in zip(LETTERS, queries, strict=False)}
        panel = titled(trend.Panel(), self).span(24).height(8).x_field("level")
        for legend in [*queries][1:]:
            points = dashboards.DynamicConfigValue(id_val="custom.drawStyle", value="points")
            panel = panel.override_by_name(legend, [points])
        to_number = {"fields": {}, "conversions": [{"targetField": "level", "destinationType": "number"}]}
        for kind, options in {
            "merge": {},
            "organize": {"excludeByName": {"Time": True}, "renameByName": names},
            "convertFieldType": to_number,
            "sortBy": {"fields": {}, "sort": [{"field": "level"}]},
        }.items():
            panel = panel.with_transformation(dashboards.DataTransformerConfig(id_val=kind, options=options))
        return panel.targets(targets(queries, PromQueryFormat.TABLE))


Panel = Number | Chart | Occupancies | Curve


class Row(NamedTuple):
    """Panels under one title, once for each value of the variable `repeat`."""

    title: str
    panels: Sequence[Panel]
    repeat: str | None = None


def titled(drawn: Drawn, panel: Panel) -> Drawn:
    return drawn.title(panel.title).description(panel.description).datasource(SOURCE)


def targets(
    queries: Mapping[str, str], form: PromQueryFormat = PromQueryFormat.TIME_SERIES
) -> list[Builder[Dataquery]]:
    """Queries by legend, as a panel wants them; a table has present values."""
    of_present = form == PromQueryFormat.TABLE
    return [
        (prometheus.Dataquery().instant() if of_present else prometheus.Dataquery().range())
        .expr(selecting(query))
        .legend_format(legend)
        .format(form)
        .ref_id(letter)
        .datasource(SOURCE)
        for letter, (legend, query) in zip(LETTERS, queries.items(), strict=False)
    ]


def mappings(words: Mapping[str, tuple[str, str]]) -> list[dashboards.ValueMapping]:
    """Words and colours by the value that they stand for."""
    found = {
        value: dashboards.ValueMappingResult(text=text, color=color, index=place)
        for place, (value, (text, color)) in enumerate(words.items())
    }
    return [dashboards.ValueMap(options=found)] if found else []


def steps(bounds: Sequence[tuple[float, str]]) -> dashboard.ThresholdsConfig:
    """Green, and from each bound on another colour."""
    found = [dashboards.Threshold(value=None, color="green")]
    found += [dashboards.Threshold(value=value, color=color) for value, color in bounds]
    return dashboard.ThresholdsConfig().mode(dashboards.ThresholdsMode.ABSOLUTE).steps(found)
