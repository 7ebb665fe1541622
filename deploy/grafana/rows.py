"""What the dashboard shows: its rows and their panels, with a query for each legend."""

from __future__ import annotations

from deploy.grafana.panels import Chart, Curve, Number, Occupancies, Row
from deploy.grafana.service_row import SERVICE

PLACEMENT = Row(
    "How good is the placement now",
    [
        Number(
            "Placement gap, 5 minutes",
            "Utility lost because sessions lie on the wrong pools: what better placement could win.",
            {"placement": 'fleet_window:slta_placement_gap:ratio{FLEET,window="300"}'},
            bounds=[(0.01, "yellow"), (0.02, "red")],
        ),
        Number(
            "Placement gap, judged",
            "Whether placement loses more than it should, over 30 mean holding times of a steady fleet. The page on "
            "monitoring says when it is not judged.",
            {
                "judged": "max(fleet:slta_placement_judged:bool{FLEET}) "
                '+ (max(ALERTS{FLEET,alertname="SltaPlacementGap",alertstate="firing"}) or vector(0))'
            },
            unit="short",
            words={
                "0": ("not judged", "text"),
                "1": ("small", "green"),
                "2": ("large", "red"),
            },
        ),
        Number(
            "Swing gap, 5 minutes",
            "Utility lost because the load swings: no placement can win it back.",
            {"swings": 'fleet_window:slta_swing_gap:ratio{FLEET,window="300"}'},
        ),
        Number(
            "Of the bound, now",
            "Utility of all active pools as a share of the most that the present sessions allow.",
            {"of the bound": "1 - fleet:slta_utility_gap:ratio{FLEET}"},
            span=3,
        ),
        Number(
            "Sessions",
            "Sessions on active pools, and on pools that are being emptied.",
            {"{{pool_status}}": "fleet_pool_status:slta_sessions:sum{FLEET}"},
            unit="short",
            span=3,
        ),
        Number(
            "Room taken",
            "Sessions as a share of what the active pools can hold.",
            {"taken": "fleet:slta_fullness:ratio{FLEET}"},
            bounds=[(0.8, "yellow"), (0.9, "red")],
            span=3,
        ),
        Number(
            "Rejected, 5 minutes",
            "Share of arriving sessions that were turned away.",
            {"rejected": "fleet:slta_rejections:ratio5m{FLEET}"},
            bounds=[(0.000001, "yellow"), (0.01, "red")],
            span=3,
        ),
        Chart(
            "Utility against its bound",
            "What all active pools yield, and the most that any placement of the same sessions could.",
            {
                "bound": "fleet:slta_aggregate_utility_bound:max{FLEET}",
                "utility": "fleet:slta_aggregate_utility:max{FLEET}",
            },
        ),
        Chart(
            "Gaps to the bound",
            "Means over a minute and an hour, as shares of the bound: placement is ours to win, swings are the load's.",
            {
                "placement, {{window}} s": 'fleet_window:slta_placement_gap:ratio{FLEET,window=~"60|3600"}',
                "swings, {{window}} s": 'fleet_window:slta_swing_gap:ratio{FLEET,window=~"60|3600"}',
            },
            unit="percentunit",
        ),
        Chart(
            "Sessions placed, ended and turned away",
            "Sessions per second that were placed, ended or rejected.",
            {
                "placed": "sum(fleet_token:slta_assignments:rate1m{FLEET})",
                "ended: {{reason}}": "fleet_reason:slta_sessions_ended:rate1m{FLEET}",
                "rejected: {{reason}}": "fleet_reason:slta_rejections:rate1m{FLEET}",
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
                "r": "fleet:slta_estimate_rank:max{FLEET}",
                "optimum": "fleet:slta_optimal_rank:max{FLEET}",
            },
        ),
        Chart(
            "Thresholds",
            "Sessions below which a pool of the class has a green token, learned and optimal.",
            {
                "{{pool_class}}": "max by (pool_class) (slta_class_threshold{FLEET})",
                "{{pool_class}}, optimal": "max by (pool_class) (slta_class_optimal_threshold{FLEET})",
            },
        ),
        Chart(
            "Tokens",
            "Pools with a green or a yellow token: green ones are wanted first. Above the line r goes down.",
            {
                "{{color}}, {{pool_class}}": "max by (pool_class, color) (slta_pool_tokens{FLEET})",
                "r goes down from here on": "max(slta_min_green_to_decrement{FLEET})",
            },
        ),
        Chart(
            "What decided",
            "Sessions placed per second by the token that decided; none should be rare.",
            {"{{token}}": "fleet_token:slta_assignments:rate1m{FLEET}"},
            unit="cps",
            span=12,
            stacked=True,
        ),
        Chart(
            "Steps of r",
            "Steps per second, up and down.",
            {"{{direction}}": "fleet_direction:slta_learning_steps:rate1m{FLEET}"},
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
            "Share of the class's pools at each number of sessions: wanted is one sharp line, or two neighbours. There "
            "is nothing to see unless fleets are scraped with levels=1.",
            "slta_occupancy_ratio",
        ),
        Occupancies(
            "Optimal assignment, $pool_class",
            "The same for the best placement of the present sessions: the two pictures should look alike.",
            "slta_optimal_occupancy_ratio",
        ),
        Curve(
            "Curve, $pool_class",
            "Utility of one pool by its sessions: the stated curve, in the unit of what is measured, and the means of "
            "what pools report. Fleets have it that measure quality, and are scraped with levels=1.",
            {"stated": "slta_curve_utility", "measured": "slta_measured_utility"},
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
                "{{pool_class}}": "max by (pool_class) (slta_marginal_utility{FLEET})",
                "price of load {{session_type}}": "max by (session_type) (slta_load_price{FLEET})",
            },
        ),
        Chart(
            "Worth of one more pool",
            "What another pool of the class would add: buy where it is highest for its cost, drain where it is lowest.",
            {"{{pool_class}}": "max by (pool_class) (slta_pool_worth{FLEET})"},
        ),
        Chart(
            "Sessions per active pool",
            "Mean occupancy of each class.",
            {
                "{{pool_class}}": 'max by (pool_class) (slta_sessions{FLEET,pool_status="active"} '
                '/ (slta_pools{FLEET,pool_status="active"} > 0))',
            },
        ),
    ],
)

SESSION_TYPES = Row(
    "Session types, of fleets that have them",
    [
        Chart(
            "Sessions by type",
            "Sessions of each type on active pools.",
            {"{{session_type}}": 'max by (session_type) (slta_typed_sessions{FLEET,pool_status="active"})'},
        ),
        Chart(
            "Turned away by type",
            "Sessions per second that were rejected, and reports of sessions in a class that their type may not use. A "
            "policy that rejects more can have the smaller placement gap: the bound is that of the sessions present.",
            {
                "{{session_type}}: {{reason}}": "fleet_session_type_reason:slta_rejections:rate1m{FLEET}",
            },
            unit="cps",
        ),
        Chart(
            "What the types cost",
            "What the best placement would add if every session could use every class, as a share of the bound.",
            {"types, {{window}} s": 'fleet_window:slta_compatibility_gap:ratio{FLEET,window=~"60|3600"}'},
            unit="percentunit",
        ),
    ],
)

ROWS = (PLACEMENT, LEARNING, SPREAD, PRICES, SESSION_TYPES, SERVICE)
