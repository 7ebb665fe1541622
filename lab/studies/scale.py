"""Pools added and removed as scale advice says on simulated days, beside the cheapest fleets known afterwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from lab.studies.scaled_fleet import (
    ACTIVE,
    BEFORE,
    CLASSES,
    COSTS,
    DAY,
    DAYS,
    DRAINING,
    FLOOR,
    LOAD,
    MOST,
    OFF,
    SPIKES,
    STARTING,
    WINDOW,
    Minute,
    Trial,
    World,
    loads,
    workload_of,
)
from slta.core.fleet import FleetSpec
from slta.core.scaling.advice import Present, advise
from slta.core.scaling.offered import Line, Now
from slta.core.scaling.removal import PoolState, Removal, pods_of, removal_of
from slta.core.scaling.settings import ClassScale, Floor, Scale
from slta.core.scaling.withheld import Withheld
from slta_experiments import study_report
from slta_experiments.parallel import each
from slta_planning.plan.loads import Hour
from slta_planning.plan.market import market_of
from slta_planning.plan.solving import cheapest

ADVICE, WANTED = "advice", "`wanted`, at once"
FULLNESS = {f"{percent} % full": percent / 100 for percent in (65, 70)}
"""Sessions per place, by the rule that aims at it."""
HOLD, HOUR = 15, 60
"""Hold of the rules by fullness; minutes in which growth after a fall is a reversal."""
CELLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *((day, rule, {}) for rule in (ADVICE, "70 % full") for day in DAYS),
    *((SPIKES, rule, {}) for rule in ("65 % full", WANTED)),
    *((SPIKES, rule, {"stay": 2, "starts": (1, 1, 1)}) for rule in (ADVICE, *FULLNESS)),
    *((SPIKES, rule, {"stay": 120}) for rule in (ADVICE, *FULLNESS)),
    *((SPIKES, rule, {"starts": (1, 10, 1)}) for rule in (ADVICE, "70 % full")),
)
"""Day, rule, and what differs from stays of 12 minutes and starts of 2."""
SPEC = FleetSpec(CLASSES)
COLUMNS = ("cost", "windows", "refused", "cut", "reversals")


@cache
def cheapest_for(sessions: int) -> tuple[int, ...]:
    """Cheapest fleet whose bound keeps the floor with so many sessions."""
    market = market_of(SPEC, COSTS, [Hour("", (float(sessions),))], 1.0)
    found = cheapest(market, np.array([FLOOR * sessions]))
    assert found
    return found.pools


def hindsight(trial: Trial) -> float:
    """Cost of the cheapest fleets for the mean sessions of each window if none were refused."""
    workload = workload_of(trial.day, trial.seed, trial.stay)
    edges = np.arange(BEFORE, BEFORE + DAY + 1, WINDOW) / trial.stay
    sessions = workload.means_between(edges, np.full(workload.sessions, fill_value=True))[:, 0]
    return float(np.mean([np.dot(cheapest_for(round(load)), COSTS) for load in sessions]))


class Scaler:
    """Looks at a fleet each minute and changes it, as `slta kubernetes --scale` does; each pool is a pod."""

    def __init__(self, trial: Trial) -> None:
        """With the cheapest fleet for the load at the start."""
        self.trial, self.world = trial, World(trial, cheapest_for(round(loads(trial.day, trial.seed)[0])))
        self.minutes, self.reversals = list[Minute](), 0
        self._lines, self._fell = list[Line](), [-HOUR] * len(CLASSES)
        rows = zip(COSTS, trial.starts, strict=True)
        self._scale = Scale(tuple(ClassScale(cost, 60.0 * start) for cost, start in rows), Floor(FLOOR, is_share=False))

    def next(self) -> None:
        """Wait a minute, look, and change each class."""
        pools = tuple(float(self._count(c, ACTIVE)) for c in range(len(CLASSES)))
        minute = self.world.next()
        self.minutes.append(minute)
        line = Line(60.0 * self.world.minute, 60.0, (minute.active,), pools, minute.assigned, minute.refused)
        self._lines = [*self._lines, line][-self._scale.window_seconds // 60 :]
        for c, (wanted, removal) in enumerate(self._advice()):
            if self.trial.rule == WANTED:
                self._cut_to(c, wanted)
            else:
                self._follow(c, wanted, removal)

    def _count(self, c: int, *statuses: int) -> int:
        return len(self.world.slots(c, *statuses))

    def _advice(self) -> list[tuple[int, Removal]]:
        """Active pools that are wanted and what may go, by class; nothing while there is no advice."""
        up = np.flatnonzero(self.world.status >= ACTIVE)
        rows = np.array([up, self.world.status[up] == ACTIVE, self.world.sessions(up)]).T.tolist()
        pools = [PoolState(str(slot), slot // MOST, bool(active), held, str(slot)) for slot, active, held in rows]
        if self.trial.rule in FULLNESS:
            return [
                (wanted, removal_of(pods, self._count(c, ACTIVE), wanted, None))
                for c, (pods, wanted) in enumerate(zip(pods_of(pools, len(CLASSES)), self._for_fullness(), strict=True))
            ]
        draining, active = ([sum(p.sessions for p in pools if p.is_active == on)] for on in (False, True))
        found = advise(SPEC, self._scale, self._lines, Present(pools, Now(active, draining, [0.0])))
        return [] if isinstance(found, Withheld) else list(zip(found.wanted, found.removals, strict=True))

    def _for_fullness(self) -> list[int]:
        """The pools of the plan for the mean load, times what the largest load of the hold needs to fill a share."""
        plan = cheapest_for(round(LOAD))
        places = sum(count * own.capacity for count, own in zip(plan, CLASSES, strict=True))
        most = max(minute.active for minute in self.minutes[-HOLD:])
        return [math.ceil(count * most / FULLNESS[self.trial.rule] / places) for count in plan]

    def _follow(self, c: int, wanted: int, removal: Removal) -> None:
        """Drain what the advice names; let pools return, the fullest first, and start pods up to the replicas."""
        self._fall(c, [int(pool.pool_id) for pool in removal.drain], DRAINING)
        more = wanted - self._count(c, ACTIVE, STARTING)
        away = self.world.slots(c, DRAINING)
        back = away[self.world.sessions(away) > 0][::-1][: max(0, more)]
        self.world.move(back, ACTIVE)
        pods = self._count(c, STARTING, ACTIVE, DRAINING)
        ended = [*self.world.slots(c, STARTING), *map(int, removal.ready)][: max(0, pods - removal.replicas)]
        self.world.move(ended, OFF)
        self._grow(c, max(0, removal.replicas - pods), len(back))

    def _cut_to(self, c: int, wanted: int) -> None:
        """End the newest pods, or start some, until there are as many as wanted."""
        pods = sorted(self.world.slots(c, STARTING, ACTIVE), key=lambda slot: self.world.since[slot])
        self._fall(c, pods[wanted:], OFF)
        self._grow(c, max(0, wanted - len(pods)), 0)

    def _fall(self, c: int, slots: Sequence[int], status: int) -> None:
        self.world.move(slots, status)
        self._fell[c] = self.world.minute if slots else self._fell[c]

    def _grow(self, c: int, started: int, returned: int) -> None:
        self.world.start(c, started)
        self.reversals += started + returned > 0 and self.world.minute - self._fell[c] < HOUR


def measure(trial: Trial) -> tuple[float, ...]:
    """Cost beside hindsight, windows at the floor and refused sessions in percent, sessions cut, reversals."""
    scaler = Scaler(trial)
    for minute in range(BEFORE + DAY):
        if minute == BEFORE:
            scaler.reversals = scaler.world.cut = 0
        scaler.next()
    day = np.array(scaler.minutes[BEFORE:])
    sessions, utility = day.reshape(-1, WINDOW, day.shape[1])[:, :, :2].sum(axis=1).T
    cost, (assigned, refused) = day[:, 3].mean(), day[:, 4:].sum(axis=0)
    held = 100 * (utility >= FLOOR * sessions * (1 - 1e-9)).mean()
    refusals = 100 * refused / (assigned + refused)
    return cost / hindsight(trial), held, refusals, scaler.world.cut, scaler.reversals


def study(seeds: int, processes: int) -> study_report.Report:
    """All cells, means over the days."""
    started = study_report.processor_seconds()
    trials = [Trial(day, rule, seed, **case) for day, rule, case in CELLS for seed in range(seeds)]
    results = np.array(each(measure, trials, "scale", processes))
    rows = [
        {"day": day, "rule": rule, **case, **dict(zip(COLUMNS, map(float, row), strict=True))}
        for (day, rule, case), row in zip(CELLS, results.reshape(-1, seeds, len(COLUMNS)).mean(axis=1), strict=True)
    ]
    data = {"rows": rows, "run": {"seeds": seeds, "seconds": round(study_report.processor_seconds() - started, 1)}}
    return study_report.Report("scale", data, markdown(data), {})


def markdown(data: dict[str, Any]) -> str:
    """A row for each cell."""
    header = ["day", "rule", "stay", "starts", *COLUMNS]
    rows = [[row.get(name) for name in header] for row in data["rows"]]
    return study_report.page(
        "Scale advice",
        f"{data['run']['seeds']} days of {LOAD:g} sessions; cost beside the cheapest fleets of each window; "
        f"windows of {WINDOW} minutes at the floor and refused sessions in percent; reversals a day.",
        study_report.markdown_table(header, rows),
    )
