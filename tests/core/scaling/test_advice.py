"""Scale advice from lines of a history and pools: numbers, limits, which pools go, and when there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from slta.core.fleet import FleetSpec
from slta.core.scaling.advice import Advice, Present, advise
from slta.core.scaling.offered import AHEAD_SECONDS, NOISE, Line, Now
from slta.core.scaling.removal import Draining, PoolState, pods_of, removal_of
from slta.core.scaling.settings import Scale
from slta.core.scaling.wanted import Demand
from slta.core.scaling.withheld import Health, Withheld
from slta.fleet_file import FleetFile
from slta.views.scale import sentence_of
from tests.inventory import each

SMALL = {"name": "small", "capacity": 10, "utility": {"kind": "linear", "slope": 1}}
LARGE = {"name": "large", "capacity": 40, "utility": {"kind": "capped_linear", "slope": 2, "cap": 20}}


def spec_of(types: Mapping[str, Sequence[str]] | None = None, **scale: Any) -> FleetSpec:
    costs = scale.pop("classes", {"small": {"cost": 1}, "large": {"cost": 3, "lead_seconds": 120}})
    file: dict[str, Any] = {"policy": "jlmu", "classes": [SMALL, LARGE], "session_types": types or {}}
    return FleetFile.read({**file, "scale": {"floor": 1, "hold_seconds": 600, **scale, "classes": costs}}).to_spec()


def settings_of(spec: FleetSpec) -> Scale:
    assert spec.scale
    return spec.scale


def lines_of(*loads: float, pools: tuple[float, ...] = (4.0, 0.0), **changes: Any) -> list[Line]:
    """A line a minute; sessions stay for 10 minutes."""
    loads = loads if len(loads) > 1 else loads * 13
    line = [Line(60.0 * n, 60.0, (load,), pools, round(load / 10), 0) for n, load in enumerate(loads, 1)]
    return [*line[:-1], line[-1]._replace(**changes)]


def pools_of(*classes: Sequence[int], draining: Sequence[int] = (), pod: int = 1) -> list[PoolState]:
    """Pools of each class by their sessions; those of the first class that drain; so many pools make a pod."""
    active = [
        PoolState(f"{c}-{n}", c, True, held, f"{c}-{n // pod}")
        for c, own in enumerate(classes)
        for n, held in enumerate(own)
    ]
    return [*active, *(PoolState(f"d-{n}", 0, False, held, f"d-{n}") for n, held in enumerate(draining))]


def advised(spec: FleetSpec, lines: Sequence[Line], pools: Sequence[PoolState], **now: Any) -> Advice:
    zeros = [0] * len(spec.type_names)
    found = advise(spec, settings_of(spec), lines, Present(pools, Now(**dict.fromkeys(Now._fields, zeros) | now)))
    assert isinstance(found, Advice), found
    return found


ONLY_SMALL = {"small": {"cost": 1}, "large": {"cost": 30}}


@each(
    "case",
    [
        # sessions, those on each small pool, limits of the class, wanted: 100 and a margin need 11 pools of 10, 13 stay
        ("enough", 100, [9] * 11, {}, (11, 0)),
        ("one too many stays", 100, [9] * 12, {}, (12, 0)),
        ("one beyond those stays", 100, [9] * 14, {}, (14, 0)),
        ("two go", 100, [8] * 15, {}, (13, 0)),
        ("a third goes in one step", 10, [1] * 12, {}, (8, 0)),
        ("twice as many as a lead ago", 100, [20] * 4, {}, (8, 0)),
        ("a third goes in one step above max too", 10, [1] * 12, {"max": 1}, (8, 1)),
        ("no fewer than min", 100, [5] * 20, {"min": 18}, (18, 0)),
        ("another class from max on", 70, [9] * 5, {"max": 6}, (6, 1)),
        ("one for the first session", 0, [], {}, (1, 0)),
    ],
)
def test_pools_are_wanted_for_the_load_within_the_limits(case: Any) -> None:
    _, load, held, limits, wanted = case
    spec = spec_of(classes={**ONLY_SMALL, "small": {"cost": 1, **limits}})
    assert advised(spec, lines_of(load), pools_of(held)).wanted == wanted


@each("lead", [(0, 12), (59, 12), (61, 8), (119, 8), (121, 6)])
def test_pools_in_the_line_a_lead_ago_bound_what_is_wanted(lead: Any) -> None:
    seconds, wanted = lead
    small = {**ONLY_SMALL["small"], "lead_seconds": seconds}
    lines = [
        line._replace(pools=(6.0 if line.end > 720 else 4.0 if line.end > 660 else 3.0, 0.0))
        for line in lines_of(*[100.0] * 13)
    ]
    assert advised(spec_of(classes={**ONLY_SMALL, "small": small}), lines, pools_of([20] * 5)).wanted == (wanted, 0)


@each("pools", [(9, 12), (10, 12), (11, 11), (12, 12), (13, 13), (14, 14), (15, 13)])
def test_a_class_that_grows_gets_room_for_more_load_and_keeps_what_still_more_needs(pools: Any) -> None:
    """104 sessions need 11 pools, and without a reason to grow 13 stay at 124, and one too many."""
    now, wanted = pools
    lines = lines_of(100, pools=(float(now), 0.0))
    assert advised(spec_of(classes=ONLY_SMALL), lines, pools_of([7] * now)).wanted == (wanted, 0)


def test_a_class_gets_no_more_room_since_another_grows() -> None:
    spec = spec_of({"few": ["small"], "many": ["large"]}, floor=-1)

    def wanted(few: float) -> tuple[int, ...]:
        lines = [line._replace(sessions=(0, few, 100)) for line in lines_of(9, pools=(4.0, 3.0))]
        return advised(spec, lines, pools_of([9] * 4, [40] * 2)).wanted

    assert (wanted(36), wanted(39)) == ((4, 3), (5, 3))


def test_no_pool_drains_for_one_that_is_yet_to_come() -> None:
    spec = spec_of(floor=2)  # which large pools alone reach, up to 20 sessions
    assert advised(spec, lines_of(35, pools=(6.0, 1.0)), pools_of([6] * 6, [])).wanted == (6, 2)
    assert advised(spec, lines_of(35, pools=(6.0, 3.0)), pools_of([0] * 6, [12] * 3)).wanted == (4, 3)


def test_another_mix_must_save_more_than_the_change() -> None:
    def wanted(cost: str) -> tuple[int, ...]:
        spec = spec_of(classes={"small": {"cost": 1}, "large": {"cost": Decimal(cost)}})
        return advised(spec, lines_of(188, pools=(20.0, 5.0)), pools_of([9] * 20, [])).demand.target((20, 0))

    assert (wanted("3"), wanted("2.5")) == ((20, 0), (0, 5))


def test_a_budget_buys_as_much_as_it_pays_for_and_adds_pools_as_others_go() -> None:
    spec = spec_of(floor=None, budget=12)
    assert Demand(spec, settings_of(spec), [60.0]).target((0, 0)) == (0, 4)
    assert advised(spec, lines_of(60, pools=(12.0, 4.0)), pools_of([5] * 12, [])).wanted == (8, 1)
    assert advised(spec, lines_of(60, pools=(9.0, 0.0)), pools_of([6] * 9, [])).wanted == (9, 1)


def test_what_a_budget_leaves_of_a_multiple_of_the_mix_buys_single_pools() -> None:
    def target(budget: str, now: tuple[int, int] = (0, 0), **limits: int) -> tuple[int, ...]:
        spec = spec_of(
            floor=None, budget=Decimal(budget), classes={"small": {"cost": 1}, "large": {"cost": 3, **limits}}
        )
        return Demand(spec, settings_of(spec), [60.0]).target(now)

    assert (target("3.5"), target("12"), target("12", max=2)) == ((0, 1), (0, 4), (6, 2))
    assert (target("0.5", (9, 9)), target("1e-12", (9, 9))) == ((0, 0), (0, 0))


def test_a_floor_beyond_the_limits_takes_what_they_state_and_room_and_drains_none() -> None:
    limited: dict[str, Any] = {"classes": {"small": {"cost": 1}, "large": {"cost": 3, "max": 2}}}

    def target(spec: FleetSpec, loads: Sequence[float], now: tuple[int, int]) -> tuple[int, ...]:
        return Demand(spec, settings_of(spec), loads).target(now)

    assert [target(spec_of(floor=2, **limited), [400], now) for now in ((0, 0), (40, 1))] == [(32, 2), (40, 2)]
    assert target(spec_of({"rare": ["large"]}, **limited), [40, 200], (0, 0)) == (4, 2)  # 120 have no room anyway
    assert target(spec_of({"rare": ["large"]}, floor=2, **limited), [400, 0], (0, 0)) == (32, 2)


def test_refused_sessions_are_part_of_the_load_up_to_half_of_it_in_one_line() -> None:
    def offered(refused: int, assigned: int) -> float:
        lines = [line._replace(assigned=assigned) for line in lines_of(40, refused=refused)]
        return advised(spec_of(), lines, pools_of([10] * 4)).offered.sessions[0]

    assert (offered(0, 4), offered(20, 80), offered(1000, 4)) == (40, 50, 60)
    assert (offered(1, 4), offered(1, 0)) == (41, 41)  # no more are missing than were refused


def test_each_type_misses_its_part_of_what_was_refused_and_gets_room_for_it() -> None:
    spec = spec_of({"rare": ["large"]})
    lines = [line._replace(sessions=(40.0, 0.0), refused=1) for line in lines_of(40)]
    found = advised(spec, lines, pools_of([10] * 4), refused=(0, 3))
    assert found.offered.sessions == (40, 10)
    assert found.wanted == (4, 1)


def test_the_largest_load_of_the_hold_counts_and_what_is_left_on_draining_pools() -> None:
    def offered(*loads: float, draining: int = 0) -> float:
        found = advised(spec_of(), lines_of(*loads), pools_of([1] * 4), draining=[draining])
        return found.offered.sessions[0]

    assert offered(90, *[30] * 5, 80, *[30] * 9) == 80
    assert offered(*[30] * 15, draining=60) == 90


def test_the_sessions_present_count_at_once() -> None:
    def offered(*active: int, draining: int = 0) -> tuple[float, ...]:
        return advised(spec_of(), lines_of(40), pools_of([10] * 4), active=active, draining=[draining]).offered.sessions

    assert (offered(69), offered(39), offered(69, draining=9)) == ((69,), (40,), (78,))


def test_a_refusal_shows_that_the_pools_were_full() -> None:
    def wanted(load: float, **line: Any) -> int:
        return advised(spec_of(classes=ONLY_SMALL), lines_of(load, **line), pools_of([6] * 4)).wanted[0]

    assert (wanted(20), wanted(20, refused=1), wanted(20, refused=1, pools=(3.5, 0.0))) == (4, 5, 4)
    for places, pools in ((20, (0.0, 0.0)), (40, (4.0, 0.0))):
        found = advised(spec_of(), lines_of(20, refused=1, pools=pools), [], draining=[9])
        assert found.offered.sessions == (places + 9 + 1,)


@each(
    "case",
    [
        # sessions of a type on the 4 large pools and of one on the 4 small ones, refusals so far of each, offered
        ("the refused type fills its classes", (100, 10), (1, 0), (161, 10)),
        ("of several the one with less room", (100, 39), (1, 1), (100.5, 40.5)),
    ],
)
def test_of_types_only_the_refused_one_fills_its_classes(case: Any) -> None:
    _, sessions, refused, offered = case
    spec = spec_of({"rare": ["large"], "most": ["small"]})
    lines = [line._replace(sessions=(0, *sessions), refused=line.end > 720) for line in lines_of(9, pools=(4.0, 4.0))]
    assert advised(spec, lines, pools_of([9] * 4, [9] * 4), refused=(0, *refused)).offered.sessions[1:] == offered


@each(
    "case",
    [
        # arrivals of the last minutes, offered: 60 sessions stay for 10 minutes, and a pool may take two
        ("as many as go", [6] * 3, 60),
        ("fewer", [3] * 3, 60),
        ("twice as many", [12] * 3, 60 + 60 * (1 - math.exp(-(120 + AHEAD_SECONDS) / 600))),
        ("in one minute", [6, 6, 12], 60 + 20 * (1 - math.exp(-(120 + AHEAD_SECONDS) / 600))),
        ("at most half more", [60] * 3, 90),
    ],
)
def test_the_rise_after_a_lead_is_foreseen_by_the_arrivals(case: Any) -> None:
    _, arrivals, offered = case
    lines = lines_of(*[60.0] * 500)
    newest = [line._replace(assigned=count) for line, count in zip(lines[-3:], arrivals, strict=True)]
    found = advised(spec_of(), [*lines[:-3], *newest], []).offered
    assert found.sessions[0] == pytest.approx(offered, rel=0.01)
    assert found.margin[0] == NOISE * math.sqrt(found.sessions[0])


@each(
    "case",
    [
        # active pools of a pod each but in the last two rows, draining ones, wanted: to drain, ready, replicas
        ("the emptiest go", ([3, 1, 2], (), 1, 1), (["0-1", "0-2"], [], 3)),
        ("drained pools are ready", ([3, 1], (0, 2), 1, 2), ([], ["d-0"], 3)),
        ("drained pods may return", ([3], (0, 2), 1, 2), ([], ["d-0"], 2)),
        ("pods to come besides ready ones", ([3], (0, 2), 1, 3), ([], ["d-0"], 4)),
        ("whole pods go", ([3, 1, 2, 2, 0, 5], (), 2, 3), (["0-0", "0-1"], [], 3)),
        ("a pod with fewer sessions a pool goes first", ([3, 3, 4], (), 2, 1), (["0-0", "0-1"], [], 2)),
        ("whole pods come", ([3, 1, 2, 2], (), 2, 7), ([], [], 4)),
    ],
)
def test_which_pools_go_and_how_many_pods_hold_the_rest(case: Any) -> None:
    _, (held, draining, pod, wanted), expected = case
    (pods,) = pods_of(pools_of(held, draining=draining, pod=pod), 1)
    found = removal_of(pods, len(held), wanted, 600)
    assert (sorted(pool.pool_id for pool in found.drain), found.ready, found.replicas) == expected


def test_a_pool_is_empty_after_as_many_stays_as_the_last_of_its_sessions_takes() -> None:
    (pods,) = pods_of(pools_of([0, 1, 3]), 1)
    assert [pool.empty_in_seconds for pool in removal_of(pods, 3, 0, 600).drain] == [0, 600, pytest.approx(1100)]
    assert removal_of(pods, 3, 2, None).drain == [Draining("0-0", 0, None)]


def test_a_pod_is_not_ready_while_one_of_its_pools_is_in_use() -> None:
    pools = [PoolState("a", 0, False, 0, "pod"), PoolState("b", 0, False, 1, "pod"), PoolState("c", 1, False, 0, "pod")]
    (pods, _) = pods_of(pools, 2)
    assert removal_of(pods, 0, 0, None) == ([], [], 1)


KEPT = "this load keeps 100.0 % of the bound"


@each(
    "case",
    [
        (100, [8] * 15, 1, {}, f"With 2 pools fewer {KEPT}; 0-0 and 0-1 go, empty in about 27 minutes."),
        (100, [0, 0, *[10] * 13], 1, {}, f"With 2 pools fewer {KEPT}; 0-0 and 0-1 go, empty in about 0 seconds."),
        (100, [8] * 15, -1, {}, "With 2 pools fewer; 0-0 and 0-1 go, empty in about 27 minutes."),
        (100, [9] * 9, 1, {}, "This load needs 3 more of small."),
        (100, [9] * 11, 1, {}, "This load needs the pools that there are."),
        (100, [9] * 9, 1, {"max": 9}, "The limits allow no more, which is too little."),
    ],
)
def test_a_sentence_says_what_to_do(case: Any) -> None:
    load, held, slope, limits, sentence = case
    small = {**SMALL, "utility": {"kind": "linear", "slope": slope}}
    file = {
        "classes": [small],
        "scale": {"floor": slope, "hold_seconds": 600, "classes": {"small": {"cost": 1, **limits}}},
    }
    found = advised(FleetFile.read(file).to_spec(), lines_of(load, pools=(9.0,)), pools_of(held))
    assert sentence_of(found) == sentence


@each(
    "case",
    [
        ("suspect", {"suspect": True}, {}),
        ("guard", {"guarded": True}, {}),
        ("pools_lost", {"lost": 1}, {}),
        ("store", {"resumed": 181.0}, {}),
        ("store", {}, {"seconds": 151.0}),
        ("store", {}, {"seconds": 0.0}),
        ("history", {}, {"end": 779.0}),
        (None, {"resumed": 180.0}, {}),
    ],
)
def test_there_is_no_advice_without_the_whole_history_of_a_healthy_fleet(case: Any) -> None:
    reason, health, changes = case
    spec = spec_of(classes={"small": {"cost": 1, "max": 5}, "large": {"cost": 3, "lead_seconds": 180}})
    present = Present(pools_of([1] * 4), Now([0], [0], [0]), Health(**health))
    found = advise(spec, settings_of(spec), lines_of(*[30] * 13, **changes), present)
    assert found == Withheld(reason, (1, 1)) if reason else isinstance(found, Advice)
    assert advise(spec, settings_of(spec), [], present._replace(health=Health())) == Withheld("history", (1, 1))
