"""Known curves, noisy samples of them, and how near `slta fit` comes.

`python -m lab.benchmarks.curves FOLDER` writes the samples of the worked cases of docs/curves.md; without a folder it
fits known curves to samples of different noise and number, and writes docs/results/curves.md. Draws are the same each
time.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.benchmarks.markdown import table
from slta.core.ranking import Coordinate
from slta_planning.fit.fitting import ClassFit, Wanted, fit_class
from slta_planning.fit.samples import ClassSamples
from slta_planning.fit.shape import REFUSED_BELOW

PAGE = Path(__file__).resolve().parents[2] / "docs/results/curves.md"
Worth = Callable[[float], float]
"""What one of x sessions on a pool is worth on average."""


class Model(NamedTuple):
    """A class: `worth` of one of x sessions, 1 ≤ x ≤ `most`, and the standard deviation of single samples."""

    worth: Worth
    most: int
    noise: float


def video(megabits: float) -> Worth:
    """A transcoder's streams share its output; a stream has 8 Mbit/s at most, and log(rate / 0.5 Mbit/s) of quality."""
    return lambda x: math.log(min(8.0, megabits / x) / 0.5)


def frames(per_second: float) -> Worth:
    """A graphics card's games share its frames, 60 a second at most for each; a game at f has 1 − e^(−f/20)."""
    return lambda x: 1 - math.exp(-min(60.0, per_second / x) / 20)


def tokens(read_ms: float, each_ms: float) -> Worth:
    """A step of a model reads its weights once and does a little for each session: tokens a second of a session."""
    return lambda x: 1000 / (read_ms + each_ms * x)


def playable(per_second: float) -> Worth:
    """The share of games that have 30 frames a second, where cards differ a little."""
    return lambda x: 1 / (1 + math.exp(2 * (x - per_second / 30) - 1))


CASES: Mapping[str, Mapping[str, Model]] = {
    "video": {"software": Model(video(60), 40, 0.3), "hardware": Model(video(120), 80, 0.3)},
    "games": {"one-card": Model(frames(240), 16, 0.1), "two-cards": Model(frames(480), 32, 0.1)},
    "playable": {"one-card": Model(playable(240), 16, 0.1)},
    "inference": {"small": Model(tokens(20, 2.0), 24, 2.0), "large": Model(tokens(12, 0.6), 48, 2.0)},
}
SAMPLES = 1_000
"""Of each class of a worked case."""


def seeded(*what: object) -> np.random.Generator:
    """Draws that are the same each time, and others for each case."""
    return np.random.default_rng(zlib.crc32(repr(what).encode()))


def sample(model: Model, sessions: Sequence[int], generator: np.random.Generator) -> ClassSamples:
    """A sample at each of these numbers of sessions."""
    found = ClassSamples()
    found.sessions.extend(sessions)
    noise = generator.normal(0.0, model.noise, len(sessions))
    found.values.extend(float(f"{model.worth(x) + e:.4f}") for x, e in zip(sessions, noise, strict=True))
    return found


def worked_case(name: str) -> Iterator[tuple[str, ClassSamples]]:
    """The samples of a case: the load of each pool goes up and down between 1 and the most, evenly."""
    for pool_class, model in CASES[name].items():
        generator = seeded(name, pool_class)
        yield pool_class, sample(model, generator.integers(1, model.most + 1, SAMPLES).tolist(), generator)


def write_case(name: str, folder: Path) -> Path:
    """NAME.csv."""
    rows = [
        f"{pool_class},{x},{value:g}"
        for pool_class, found in worked_case(name)
        for x, value in zip(found.sessions, found.values, strict=True)
    ]
    file = folder / f"{name}.csv"
    file.write_text("\n".join(["pool_class,sessions,value", *rows]) + "\n", encoding="utf-8")
    return file


# How near a fit comes

PAIRS: Mapping[str, tuple[Model, Model]] = {
    "log_share, r = 20 and 40": (
        Model(lambda x: math.log(20 / x), 12, 1.0),
        Model(lambda x: math.log(40 / x), 24, 1.0),
    ),
    "frames, 240 and 480": (Model(frames(240), 12, 1.0), Model(frames(480), 24, 1.0)),
    "linear, 1 and 1.2": (Model(lambda _: 1.0, 12, 1.0), Model(lambda _: 1.2, 24, 1.0)),
}
BENT = Model(lambda x: 0.5 if x <= 8 else (4 + 1.0 * (x - 8)) / x, 16, 1.0)
"""A session adds 0.5 up to 8, then 1: not concave."""
NOISES = (0.05, 0.2, 0.5)
"""Standard deviation of a sample, as a share of what a session is worth at half of the levels."""
EACH = (3, 10, 40)
"""Samples at each level."""
RUNS = 40
LOADS = np.linspace(0.1, 0.9, 9)


class FitResult(NamedTuple):
    """Of one fit of a pair: relative error of u, what placing by the fit loses, share of levels within the band."""

    error: float
    lost: float
    covered: float
    p_values: tuple[float, ...]


def one_run(models: Sequence[Model], noise: float, each: int, generator: np.random.Generator) -> FitResult:
    """Fit both classes of a pair to new samples."""
    fits = [fit(model, noise, each, generator) for model in models]
    true = [utilities(model) for model in models]
    errors = [np.sqrt(np.mean((f.taken.values - u) ** 2)) / np.abs(u).max() for f, u in zip(fits, true, strict=True)]
    covered = [
        np.mean((f.bands.utility.low <= u + 1e-9) & (u - 1e-9 <= f.bands.utility.high))
        for f, u in zip(fits, true, strict=True)
    ]
    p_values = tuple(f.shape.p_value for f in fits if f.shape.p_value is not None)
    return FitResult(float(np.mean(errors)), lost(fits, true), float(np.mean(covered)), p_values)


def fit(model: Model, noise: float, each: int, generator: np.random.Generator) -> ClassFit:
    """Samples at every level, and the fit."""
    scaled = model._replace(noise=noise * abs(model.worth(model.most / 2)))
    sessions = [x for x in range(1, model.most + 1) for _ in range(each)]
    return fit_class("c", sample(scaled, sessions, generator), Wanted())


def utilities(model: Model) -> NDArray[np.float64]:
    """u(0), u(1), …"""
    return np.array([0.0, *(x * model.worth(x) for x in range(1, model.most + 1))])


def lost(fits: Sequence[ClassFit], true: Sequence[NDArray[np.float64]]) -> float:
    """Mean share of the best utility that is lost where places are filled in the order of the fitted curves."""
    by_fit = earned([np.diff(f.taken.values) for f in fits], true)
    best = earned([np.diff(u) for u in true], true)
    at = (LOADS * len(best)).astype(int)
    return float(np.mean(1 - by_fit[at] / best[at]))


def earned(marginals: Sequence[NDArray[np.float64]], true: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The true utility of 1, 2, … sessions on a pool of each class, placed in the order of `marginals`."""
    places = [Coordinate(i, j + 1) for i, column in enumerate(marginals) for j in range(len(column))]
    places.sort(key=lambda c: (-marginals[c.pool_class][c.level - 1], c))
    return np.cumsum([true[i][j] - true[i][j - 1] for i, j in places])


def cells() -> Iterator[tuple[float, int]]:
    """Every noise with every number of samples."""
    return ((noise, each) for noise in NOISES for each in EACH)


def errors(p_values: list[float]) -> Iterator[Sequence[str]]:
    """A row for each pair, noise and number of samples; p-values are added to `p_values`."""
    for name, models in PAIRS.items():
        for noise, each in cells():
            generator = seeded(name, noise, each)
            runs = [one_run(models, noise, each, generator) for _ in range(RUNS)]
            error, loss, covered = (float(np.mean([run[k] for run in runs])) for k in range(3))
            p_values += [p for run in runs for p in run.p_values]
            yield name, f"{noise:.2f}", str(each), f"{error:.4f}", f"{loss:.5f}", f"{covered:.2f}"


def refusals(p_values: Sequence[float]) -> Iterator[Sequence[str]]:
    """How often concave curves, and one that is not, are refused."""
    yield "all of the above, concave", "all", "all", *shares(p_values)
    for noise, each in cells():
        generator = seeded("bent", noise, each)
        shapes = [fit(BENT, noise, each, generator).shape for _ in range(RUNS)]
        yield "0.5 a session up to 8, then 1", f"{noise:.2f}", str(each), *shares([s.p_value or 1.0 for s in shapes])


def shares(p_values: Sequence[float]) -> Sequence[str]:
    """Of how many fits which share has a p below 0.05, and below what refuses."""
    found = np.array(p_values)
    return f"{len(found):,}", f"{(found < 0.05).mean():.3f}", f"{(found < REFUSED_BELOW).mean():.4f}"


INTRODUCTION = f"""\
# How near `slta fit` comes

Written by `make bench-curves`. Two classes with known curves and 12 and 24 levels; at each level so many samples, with
normal noise whose standard deviation is so many times what a session is worth at half of the levels. {RUNS} runs a row.
"""
EXPLANATION = """\
*Error*: root mean square over the levels, as a fraction of the largest u. *Lost*: the fraction of the best utility that
is lost where places are filled in the order of the fitted curves, on average over loads of 10 to 90 % of the places.
*In the band*: the fraction of levels whose true u is within the 95 % band of the table.
"""


def page() -> str:
    """All of it, as Markdown."""
    p_values: list[float] = []
    head = ("curves", "noise", "samples a level", "error", "lost", "in the band")
    found = table(head, [*errors(p_values)])
    refused = table(("curves", "noise", "samples a level", "fits", "p < 0.05", "refused"), [*refusals(p_values)])
    return f"{INTRODUCTION}\n{found}\n\n{EXPLANATION}\n## What is refused\n\n{refused}\n"


def main() -> None:
    """Write the samples of the worked cases into a folder, or the page of results."""
    if len(sys.argv) > 1:
        for name in CASES:
            print(f"wrote {write_case(name, Path(sys.argv[1]))}")
        return
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
