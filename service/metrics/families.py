"""The fleets' metrics, a family a row: its name, its help, its labels, and where its value stands.

The store counts the steps of r as `steps_up` and `steps_down`; a snapshot and the API say `learning_steps_up` and
`learning_steps_down`, the metrics `learning_steps` by direction.
"""

from __future__ import annotations

from dataclasses import asdict

from service.metrics.rows import ReadRow
from service.metrics.seen import CLASS, CLASS_COUNTS, FLEET, LEVEL, WINDOW, Seen
from service.values import MICROSECONDS

FLEET_ROWS: tuple[ReadRow[Seen], ...] = (
    FLEET.gauge("aggregate_utility", "Utility of all active pools now.", lambda seen: seen.now.utility),
    FLEET.gauge(
        "aggregate_utility_bound",
        "Largest utility at the present sessions and pools, U*(N, A).",
        lambda seen: seen.now.utility_bound,
    ),
    WINDOW.gauge("utility_mean", "Mean utility per pool over the window.", lambda gaps: gaps.utility_mean),
    WINDOW.gauge(
        "utility_bound",
        "Proven bound of the mean utility per pool over the window, u*(<s>).",
        lambda gaps: gaps.utility_bound,
    ),
    WINDOW.gauge(
        "placement_gap",
        "What better placement could have won per pool over the window.",
        lambda gaps: gaps.placement_gap,
    ),
    FLEET.gauge(
        "expected_placement_gap",
        "Placement gap per pool that is usual for the fleet at its mean load of five minutes, were it steady.",
        lambda seen: seen.now.expected_placement_gap,
    ),
    FLEET.gauge(
        "relative_expected_placement_gap",
        "The same as a part of the bound at this load.",
        lambda seen: seen.now.relative_expected_placement_gap,
    ),
    WINDOW.gauge(
        "swing_gap", "What the swings of the load cost per pool over the window.", lambda gaps: gaps.swing_gap
    ),
    FLEET.gauge(
        "difference_at_placing",
        "Mean over the reports of the window: marginal utility at JLMU's choice less that of the reported place.",
        lambda seen: seen.differences,
        ("window",),
    ),
    FLEET.gauge(
        "utility_pool_seconds",
        "Time integral of the utility: divide a difference by that of pool_seconds.",
        lambda seen: seen.spec.integers.to_utility(sum(seen.snapshot.integrals.utility)) / MICROSECONDS,
    ),
    FLEET.gauge(
        "bound_pool_seconds",
        "Time integral of the largest utility at each instant.",
        lambda seen: seen.spec.integers.to_utility(sum(seen.snapshot.integrals.optimum)) / MICROSECONDS,
    ),
    FLEET.gauge(
        "session_seconds",
        "Time integral of the sessions on active pools.",
        lambda seen: sum(seen.snapshot.integrals.sessions) / MICROSECONDS,
    ),
    FLEET.gauge(
        "mean_holding_seconds",
        "Mean time that a session stays, by Little's law: session_seconds over the sessions that have ended.",
        lambda seen: seen.mean_holding_seconds,
    ),
    FLEET.gauge(
        "pool_seconds",
        "Time integral of the active pools.",
        lambda seen: {
            c.name: sum(pools) / MICROSECONDS
            for c, pools in zip(seen.now.classes, seen.snapshot.integrals.pools, strict=True)
        },
        ("pool_class",),
    ),
    CLASS.gauge("sessions", "Sessions by the status of their pools.", lambda c: asdict(c.sessions), ("status",)),
    CLASS.gauge("pools", "Pools by status.", lambda c: asdict(c.pools), ("status",)),
    CLASS.gauge("session_capacity", "Sessions that the active pools can hold.", lambda c: c.pools.active * c.capacity),
    LEVEL.gauge(
        "occupancy_fraction",
        "Fraction of the class's pools with at least so many sessions.",
        lambda level: level.fraction,
    ),
    LEVEL.gauge(
        "optimal_occupancy_fraction", "The same in the optimal assignment.", lambda level: level.optimal_fraction
    ),
    CLASS.gauge("threshold", "Sessions below which a pool has a green token.", lambda c: c.threshold),
    CLASS.gauge("optimal_threshold", "The threshold at the optimal rank.", lambda c: c.optimal_threshold),
    FLEET.gauge(
        "estimate_rank",
        "The learned rank r; under JLMU and observe the best rank that any pool has free.",
        lambda seen: seen.now.estimate_rank,
    ),
    FLEET.gauge(
        "optimal_rank",
        "The rank that r should have at the present sessions and pools.",
        lambda seen: seen.now.optimal_rank,
    ),
    FLEET.gauge(
        "min_green_to_decrement",
        "Green tokens from which on r falls.",
        lambda seen: seen.now.min_green_to_decrement,
    ),
    CLASS.gauge(
        "tokens", "Pools with a token of the colour.", lambda c: asdict(c.tokens) if c.tokens else None, ("color",)
    ),
    CLASS.gauge(
        "marginal_utility",
        "What one more session is worth on the emptiest pool of the class.",
        lambda c: c.marginal_utility,
    ),
    FLEET.gauge("load_price", "What one more session is worth at the optimum.", lambda seen: seen.now.load_price),
    CLASS.gauge("pool_worth", "What one more pool of the class would add at the optimum.", lambda c: c.pool_worth),
    FLEET.gauge(
        "store_epoch",
        "When the fleet was created, or its store last seen to have gone back, in seconds of Unix time.",
        lambda seen: seen.now.store_epoch,
    ),
    FLEET.gauge("config_version", "Version of the fleet's configuration.", lambda seen: seen.now.config_version),
    FLEET.gauge(
        "suspect",
        "1 from an error inside an operation until the fleet's rows are rebuilt.",
        lambda seen: seen.now.suspect,
    ),
    FLEET.gauge(
        "state_bytes",
        "Bytes of bit rows: tokens are what a choice reads, the ledger what pools hold.",
        lambda seen: seen.snapshot.row_bytes,
        ("part",),
    ),
    FLEET.gauge("fleet_info", "The fleet's policy.", lambda seen: {seen.now.policy: 1}, ("policy",)),
    CLASS_COUNTS.counter(
        "assignments", "Sessions placed, by the token that decided.", lambda c: c.assigned, ("token",)
    ),
    FLEET.counter("completions", "Sessions that were completed.", lambda seen: seen.now.counters["completed"]),
    FLEET.counter(
        "rejections",
        "Sessions that were not placed.",
        lambda seen: {
            "no_capacity": seen.now.counters["rejected_no_capacity"],
            "no_active_pool": seen.now.counters["rejected_no_active_pool"],
        },
        ("reason",),
    ),
    FLEET.counter(
        "leases_expired",
        "Sessions that ended because nobody renewed their lease.",
        lambda seen: seen.now.counters["expired"],
    ),
    FLEET.counter("sessions_failed", "Sessions that ended with their pool.", lambda seen: seen.now.counters["failed"]),
    FLEET.counter(
        "sessions_reported_ended",
        "Sessions that their pool no longer had.",
        lambda seen: seen.now.counters["reported_ended"],
    ),
    FLEET.counter(
        "sessions_adopted",
        "Sessions that were reported and that were unknown.",
        lambda seen: seen.now.counters["adopted"],
    ),
    FLEET.counter(
        "reports_left_out",
        "Reports of sessions that the fleet's figures leave out.",
        lambda seen: {
            "over_capacity": seen.now.counters["left_out_over_capacity"],
            "unknown_pool": seen.now.counters["left_out_unknown_pool"],
        },
        ("reason",),
    ),
    FLEET.counter(
        "learning_steps",
        "Steps of r.",
        lambda seen: {
            "up": seen.now.counters["learning_steps_up"],
            "down": seen.now.counters["learning_steps_down"],
        },
        ("direction",),
    ),
    FLEET.counter(
        "store_went_back",
        "Times that the store may have lost changes which were acknowledged.",
        lambda seen: seen.now.counters["went_back"],
    ),
    FLEET.counter(
        "repairs",
        "Times the fleet's rows were rebuilt from its sessions.",
        lambda seen: seen.now.counters["repairs"],
    ),
)
