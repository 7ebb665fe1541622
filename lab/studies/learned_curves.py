"""Curves learned while sessions are placed: utility lost to the true curves, beside least connections and the weights.

An operator starts with `slta fit --weights`, waits four stays, and applies what `slta fit --live` proposes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from lab.studies.measured_fleets import CHANGE, FLEETS, LIES, NOISE, POOL, SIZES, TRUE, UNIT, Samples, Trial, X, truth
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.parallel import each
from slta_experiments.workload import Floats, Integers, Workload, from_present
from slta_planning.fit.change import Mark, judge
from slta_planning.fit.learned import Fitted, Quality, fit
from slta_planning.fit.proposal import RULES, Rules, propose, ranking_of

STAYS, WAITED, TICKS = 30, 4, 10
BEFORE = 6
"""Stays before, in which the start is forgotten."""
WEIGHTS, LEAST, LEARNED, DRIFT = "weights", "least connections", "learned", "drift"
FLAT, DAILY, ALL_KEPT = "fit that ends flat, no rules", "learned, once a day", "learned, all samples kept"
SCALE, SHAPE = "scale 30 % wrong", "shape 30 % wrong"
NOISY, MORE = "noise 50 %", "noise 50 %, 120 samples"
LINES = (LEAST, WEIGHTS, FLAT, LEARNED, DAILY, POOL, LIES, NOISY, MORE, SCALE, SHAPE)
CHANGES = (("log", 1.5), ("log", 2.0), ("log", 3.0), ("log", 0.5), ("capped", 1.5))
"""Fleets of CHANGED, and what their first class is multiplied by."""
ENOUGH = 120
"""Samples of each class before which the line MORE proposes nothing."""
DAY = 24
"""Stays of an hour in a day."""
NO_RULES = Rules(step=1e9, risk=1e9, gain=0.0, errors=0.0)
LEARNING = 10
"""Stays after which a line is judged, and a change, the five from then on."""


def ends_flat(quality: Quality) -> Fitted:
    """The fit, flat beyond what was seen."""
    slopes, influence = fit(quality)
    slopes[quality.at[-1] :] = np.minimum(slopes[quality.at[-1] :], 0.0)
    return Fitted(slopes, influence)


def first_slopes(trial: Trial) -> list[Floats]:
    """What the operator starts with."""
    if trial.line == LEAST:
        return [-X[:-1] for _ in trial.rows]
    if trial.line in (SCALE, SHAPE):
        return [wrong(np.diff(row.curve), trial.draws(3, c), trial.line) for c, row in enumerate(trial.rows)]
    return [np.diff(2 * np.sqrt(row.weight * X)) for row in trial.rows]


def wrong(slopes: Floats, draws: np.random.Generator, line: str) -> Floats:
    """Slopes with errors of 30 %, the same at all levels or drawn along them."""
    errors = [draws.normal()] * len(slopes)
    for k in range(1, len(slopes) if line == SHAPE else 0):
        errors[k] = 0.8 * errors[k - 1] + 0.6 * draws.normal()
    factors = np.clip(1 + 0.3 * np.array(errors), 0.05, None)
    return np.asarray(isotonic_regression(slopes * factors, increasing=False).x)


def occupancies(workload: Workload, pools: Integers, n: int) -> Integers:
    """Sessions of each pool at the ticks of a stay."""
    start = np.append(np.zeros(workload.initial), workload.arrivals)
    ticks = np.arange(1, TICKS + 1) / TICKS
    present = [pools[(pools >= 0) & (start < tick) & (workload.ends >= tick)] for tick in ticks]
    return np.array([np.bincount(own, minlength=n) for own in present])


class Operator:
    """Applies what is proposed, once a stay or a day."""

    def __init__(self, trial: Trial, shape: FleetShape) -> None:
        """Starts with the weights, in a unit of their own."""
        self.slopes, self._shape = first_slopes(trial), shape
        self._samples, self._in_unit, self._last = Samples(trial, shape.shares), False, -STAYS
        self._fit, self._rules = (ends_flat, NO_RULES) if trial.line == FLAT else (fit, RULES)
        self._every = DAY if trial.line == DAILY else 1
        self._least = ENOUGH if trial.line == MORE else 0
        self._marks, self._keeps_all = [Mark() for _ in trial.rows], trial.line == ALL_KEPT

    def look(self, shape: FleetShape, stay: int, held: Integers) -> None:
        """Take the samples of a stay, and after the last of the four with weights whatever is worth it."""
        curves = np.array([np.append(0.0, np.cumsum(own)) for own in shape.ranking.marginals])
        self._samples.take(curves, held)
        levels = [self._samples.levels(c) for c in range(len(self.slopes))]
        fewest = min(sum(one.samples for one in own) for own in levels)
        if stay < max(-1, self._last + self._every) or fewest < self._least:
            return
        judged = [judge(mark, own) for mark, own in zip(self._marks, levels, strict=True)]
        self._marks = [Mark() if self._keeps_all else one.mark for one in judged]
        classes = [
            Quality(str(c), pools, own, one.counting)
            for c, (pools, own, one) in enumerate(zip(shape.shares, self.slopes, judged, strict=True))
        ]
        found = propose(classes, int(held[-1].sum()), in_unit=self._in_unit, rules=self._rules, fit=self._fit)
        if found.is_worth_it:
            self.slopes, self._in_unit, self._last = list(found.proposed), True, stay


def utilities(trial: Trial) -> Floats:
    """Mean utility per pool in each stay."""
    shape, columns, found = truth(trial, 0), None, []
    operator = Operator(trial, shape)
    learns = trial.line not in (TRUE, WEIGHTS, LEAST, SCALE, SHAPE)
    for stay in range(-WAITED - BEFORE, STAYS):
        shape = truth(trial, stay) if stay > 0 and (trial.drifts or stay == CHANGE) else shape
        order = shape.ranking if trial.line == TRUE else ranking_of(operator.slopes)
        present = round(trial.load) if columns is None else sum(map(sum, columns))
        workload = from_present(trial.draws(4, stay + WAITED + BEFORE), present, trial.load, 1.0)
        run = Run(horizon=1.0, warm_up=0.0, order=order, columns=columns, rank=1)
        outcome = simulate(shape, trial.n, "JLMU", workload, run)
        held = occupancies(workload, outcome.pools, trial.n)
        columns = [list(map(int, own)) for own in np.split(held[-1], np.cumsum(shape.shares)[:-1])]
        found.append(outcome.gaps.utility_mean)
        if learns and stay >= -WAITED:
            operator.look(shape, stay, held)
    return np.array(found[-STAYS:])


def measure(trial: Trial) -> dict[str, tuple[float, float, float]]:
    """By line, in percent: lost to the true curves once learned; to the weights in the worst stay, and once learned."""
    found = {}
    for drifts in (False, True):
        best, base = (utilities(replace(trial, line=line, drifts=drifts)) for line in (TRUE, WEIGHTS))
        for line in (WEIGHTS, LEARNED) if drifts else LINES:
            noise = 2 * NOISE if line in (NOISY, MORE) else NOISE
            own = base if line == WEIGHTS else utilities(replace(trial, line=line, drifts=drifts, noise=noise))
            lost, below = (1 - own[LEARNING:].sum() / other[LEARNING:].sum() for other in (best, base))
            worst = 1 - (own / base).min()
            found[f"{line}, {DRIFT}" if drifts else line] = (100 * lost, 100 * worst, 100 * below)
    return found


def changed(trial: Trial) -> tuple[float, ...]:
    """Lost to the true curves by the weights and the learned ones without and with the rule, and to the weights.

    The last two are of the learned ones, in their mean and in the worst stay since the change. All in percent.
    """
    stays = [utilities(replace(trial, line=line))[CHANGE:] for line in (TRUE, WEIGHTS, ALL_KEPT, LEARNED)]
    best, *others = (own[LEARNING:][:5].sum() for own in stays)
    parts = [*(own / best for own in others), others[-1] / others[0], (stays[-1] / stays[1]).min()]
    return tuple(100 * (1 - part) for part in parts)


def changes_of(seeds: int, processes: int) -> list[dict[str, Any]]:
    """Each change: means over the seeds, and the worst."""
    trials = [Trial(fleet, 40, seed, noise=0.1, change=factor) for fleet, factor in CHANGES for seed in range(seeds)]
    results = np.array(each(changed, trials, "learned-curves-changes", processes))
    rows = []
    for (fleet, factor), own in zip(CHANGES, results.reshape(len(CHANGES), seeds, -1), strict=True):
        (weights, kept, lost, *_), (*_, worst, below, stay) = own.mean(axis=0), own.max(axis=0)
        found = {"weights": weights, "all_kept": kept, "lost": lost, "worst": worst, "below": below, "stay": stay}
        rows.append({"change": f"{fleet} × {factor:g}", **found})
    return rows


def study(seeds: int, processes: int) -> study_report.Report:
    """All lines on each fleet."""
    started = study_report.processor_seconds()
    trials = [Trial(fleet, n, seed) for n in SIZES for fleet in FLEETS for seed in range(seeds)]
    results = each(measure, trials, "learned-curves", processes)
    rows = [
        row_of(n, line, [r[line] for t, r in zip(trials, results, strict=True) if t.n == n])
        for n in SIZES
        for line in results[0]
    ]
    run = {"seeds": seeds, "seconds": round(study_report.processor_seconds() - started, 1)}
    data = {"rows": rows, "changes": changes_of(seeds, processes), "run": run}
    return study_report.Report("learned-curves", data, markdown(data), {})


def row_of(n: int, line: str, runs: list[tuple[float, float, float]]) -> dict[str, Any]:
    """A line: means over the runs, and the worst."""
    lost, stays, below = np.array(runs).T
    over, ends = (100 * (own > 1).mean() for own in (stays, below))
    stay = {"worst_stay": stays.max(), "over": over, "below": below.max(), "ends": ends}
    return {"n": n, "line": line, "lost": lost.mean(), "worst": lost.max(), **stay}


def markdown(data: dict[str, Any]) -> str:
    """A row for each line, and for each change."""
    header = ["n", "", "lost", "worst run", "worst stay", "over 1 %", "below the weights", "over 1 %"]
    changes = ["change", "weights", "all samples kept", "learned", "worst run", "below the weights", "in a stay"]
    rows, changed_rows = (
        [[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in data[name]]
        for name in ("rows", "changes")
    )
    return study_report.page(
        "Learned curves",
        f"Utility lost to placing by the true curves, in percent, {LEARNING} stays after four with the weights; the "
        f"worst stay is beside the weights. Six fleets, {data['run']['seeds']} seeds; samples ten times a stay with "
        f"{NOISE:.0%} noise, in a unit {UNIT:g} times that of the curves.",
        study_report.markdown_table(header, rows),
        f"Lost {LEARNING} to {LEARNING + 4} stays after a class of two of 20 pools has changed, with 10 % noise.",
        study_report.markdown_table(changes, changed_rows),
    )
