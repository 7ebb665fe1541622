"""What the dashboard shows: its rows and their panels, with a query for each legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from deploy.grafana.panels import Chart, Number, Occupancies, Panel


class Row(NamedTuple):
    """Panels under one title, once for each value of the variable `repeat`."""

    title: str
    panels: Sequence[Panel]
    repeat: str | None = None


PLACEMENT = Row(
    "How good is the placement now",
    [
        Number(
            "Placement gap, 5 minutes",
            "Utility lost because sessions lie on the wrong pools: what better placement could win.",
            {"placement": 'fleet_window:slta_relative_placement_gap:max{fleet="$fleet",window="300"}'},
            bounds=[(0.01, "yellow"), (0.02, "red")],
        ),
        Number(
            "Swing gap, 5 minutes",
            "Utility lost because the load swings: no placement can win it back.",
            {"swings": 'fleet_window:slta_relative_swing_gap:max{fleet="$fleet",window="300"}'},
        ),
        Number(
            "Of the bound, now",
            "Utility of all active pools as a share of the most that the present sessions allow.",
            {"of the bound": '1 - fleet:slta_relative_gap:max{fleet="$fleet"}'},
        ),
        Number(
            "Sessions",
            "Sessions on active pools, and on pools that are being emptied.",
            {"{{status}}": 'fleet_status:slta_sessions:sum{fleet="$fleet"}'},
            unit="short",
        ),
        Number(
            "Room taken",
            "Sessions as a share of what the active pools can hold.",
            {"taken": 'fleet:slta_fullness:ratio{fleet="$fleet"}'},
            bounds=[(0.8, "yellow"), (0.9, "red")],
        ),
        Number(
            "Rejected, 5 minutes",
            "Share of arriving sessions that were turned away.",
            {"rejected": 'fleet:slta_rejections:ratio5m{fleet="$fleet"}'},
            bounds=[(0.000001, "yellow"), (0.01, "red")],
        ),
        Chart(
            "Utility against its bound",
            "What all active pools yield, and the most that any placement of the same sessions could.",
            {
                "bound": 'fleet:slta_utility_bound:max{fleet="$fleet"}',
                "utility": 'fleet:slta_utility:max{fleet="$fleet"}',
            },
        ),
        Chart(
            "Gaps to the bound",
            "Means over a minute and an hour, as shares of the bound: placement is ours to win, swings are the load's.",
            {
                "placement, {{window}} s": "fleet_window:slta_relative_placement_gap:max"
                '{fleet="$fleet",window=~"60|3600"}',
                "swings, {{window}} s": 'fleet_window:slta_relative_swing_gap:max{fleet="$fleet",window=~"60|3600"}',
            },
            unit="percentunit",
        ),
        Chart(
            "Sessions placed, ended and turned away",
            "Sessions per second that were placed, ended or rejected.",
            {
                "placed": 'sum(fleet_token:slta_assignments:rate1m{fleet="$fleet"})',
                "completed": 'fleet:slta_completions:rate1m{fleet="$fleet"}',
                "lease over": 'fleet:slta_leases_expired:rate1m{fleet="$fleet"}',
                "rejected: {{reason}}": 'fleet_reason:slta_rejections:rate1m{fleet="$fleet"}',
            },
            unit="cps",
        ),
    ],
)

LEARNING = Row(
    "What the policy has learned",
    [
        Chart(
            "Estimate r and the optimal rank",
            "SLTA learns r: it is right within a step or two, and at some loads alternates between neighbours.",
            {
                "r": 'fleet:slta_estimate_rank:max{fleet="$fleet"}',
                "optimum": 'fleet:slta_optimal_rank:max{fleet="$fleet"}',
            },
        ),
        Chart(
            "Thresholds",
            "Sessions below which a pool of the class has a green token, learned and optimal.",
            {
                "{{pool_class}}": 'max by (pool_class) (slta_threshold{fleet="$fleet"})',
                "{{pool_class}}, optimal": 'max by (pool_class) (slta_optimal_threshold{fleet="$fleet"})',
            },
        ),
        Chart(
            "Tokens",
            "Pools with a green or a yellow token: green ones are wanted first. Above the line r goes down.",
            {
                "{{color}}, {{pool_class}}": 'max by (pool_class, color) (slta_tokens{fleet="$fleet"})',
                "r goes down from here on": 'max(slta_min_green_to_decrement{fleet="$fleet"})',
            },
        ),
        Chart(
            "What decided",
            "Sessions placed per second by the token that decided; none should be rare.",
            {"{{token}}": 'fleet_token:slta_assignments:rate1m{fleet="$fleet"}'},
            unit="cps",
            span=12,
            stacked=True,
        ),
        Chart(
            "Steps of r",
            "Steps per second, up and down.",
            {"{{direction}}": 'fleet_direction:slta_learning_steps:rate1m{fleet="$fleet"}'},
            unit="cps",
            span=12,
        ),
    ],
)

SPREAD = Row(
    "Where sessions are, $pool_class",
    [
        Occupancies(
            "Occupancy, $pool_class",
            "Share of the class's pools at each number of sessions: wanted is one sharp line, or two neighbours.",
            "slta_occupancy_fraction",
        ),
        Occupancies(
            "Optimal assignment, $pool_class",
            "The same for the best placement of the present sessions: the two pictures should look alike.",
            "slta_optimal_occupancy_fraction",
        ),
    ],
    repeat="pool_class",
)

PRICES = Row(
    "What sessions and pools are worth",
    [
        Chart(
            "Marginal utility per class",
            "Worth of one more session on the class's emptiest pool. Equal lines mean all is well: it is these that "
            "should be equal, so unequal occupancies are right. The price is the optimum's.",
            {
                "{{pool_class}}": 'max by (pool_class) (slta_marginal_utility{fleet="$fleet"})',
                "price of load": 'max(slta_load_price{fleet="$fleet"})',
            },
        ),
        Chart(
            "Worth of one more pool",
            "What another pool of the class would add: buy where it is highest for its cost, drain where it is lowest.",
            {"{{pool_class}}": 'max by (pool_class) (slta_pool_worth{fleet="$fleet"})'},
        ),
        Chart(
            "Sessions per active pool",
            "Mean occupancy of each class.",
            {
                "{{pool_class}}": 'max by (pool_class) (slta_sessions{fleet="$fleet",status="active"} '
                '/ (slta_pools{fleet="$fleet",status="active"} > 0))',
            },
        ),
    ],
)

SERVICE = Row(
    "The service",
    [
        Chart(
            "Requests",
            "Requests per second by route, over all dispatchers.",
            {"{{route}}": "route:slta_requests:rate1m"},
            unit="reqps",
            stacked=True,
        ),
        Chart(
            "Latency",
            "Time to answer the calls of sessions: the median and the slowest in a hundred.",
            {
                "median {{route}}": 'route:slta_request_duration_seconds:p50{route=~".*/(assign|complete|renew)"}',
                "99 % {{route}}": 'route:slta_request_duration_seconds:p99{route=~".*/(assign|complete|renew)"}',
            },
            unit="s",
        ),
        Chart(
            "Store time",
            "Time of a call of the store, network included: the median and the slowest in a hundred.",
            {
                "median {{function}}": 'function:slta_store_duration_seconds:p50{function=~"batch|snapshot|tick"}',
                "99 % {{function}}": 'function:slta_store_duration_seconds:p99{function=~"batch|snapshot|tick"}',
            },
            unit="s",
        ),
        Chart(
            "Batch size",
            "Operations that shared a call of the store; it grows with the load, up to 128.",
            {"mean": "slta:batch_size:mean1m"},
        ),
        Chart(
            "Errors",
            "Answers that were not 2xx (503 for a full fleet among them) and failed calls of the store, per second.",
            {
                "answers {{status}}": "sum by (status) "
                '(rate(slta_request_duration_seconds_count{status!="2xx"}[1m])) or vector(0)',
                "store {{kind}}": "sum by (kind) (rate(slta_store_errors_total[1m])) or vector(0)",
            },
            unit="cps",
        ),
        Chart(
            "Processes",
            "Processor time of each dispatcher, and whether it reaches the store.",
            {
                "processors {{instance}}": 'rate(process_cpu_seconds_total{job="slta"}[1m])',
                "store up {{instance}}": "slta_store_up",
            },
        ),
    ],
)
"""Here replicas are added up."""

ROWS = (PLACEMENT, LEARNING, SPREAD, PRICES, SERVICE)
