"""The worked cases of docs/curves.md: noisy samples of known curves, the same on every machine.

`python -m tests.planning.worked_cases FOLDER` writes them, and creates the folder.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slta_planning.fit.samples import ClassSamples

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
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.csv"
    file.write_text("\n".join(["pool_class,sessions,value", *rows]) + "\n", encoding="utf-8")
    return file


def main() -> None:
    """Write the samples of all cases into a folder."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for name in CASES:
        print(f"wrote {write_case(name, Path(sys.argv[1]))}")


if __name__ == "__main__":
    main()
