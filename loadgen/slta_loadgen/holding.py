"""Distributions of holding times with a given mean, in seconds."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class InvalidHoldingError(ValueError):
    """Invalid parameters of a holding time distribution."""


class HoldingKind(StrEnum):
    EXPONENTIAL = "exponential"
    DETERMINISTIC = "deterministic"
    LOGNORMAL = "lognormal"
    PARETO = "pareto"
    HYPEREXPONENTIAL = "hyperexponential"


@dataclass(frozen=True)
class Holding(ABC):
    """Distribution of holding times. Raises InvalidHoldingError for a mean that is not positive and finite."""

    mean_seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.mean_seconds < math.inf:
            raise InvalidHoldingError(f"--mean-holding must be positive and finite, not {self.mean_seconds}")

    @abstractmethod
    def draw(self, rng: random.Random) -> float:
        """Draw one holding time."""


class Exponential(Holding):
    def draw(self, rng: random.Random) -> float:
        return rng.expovariate(1.0 / self.mean_seconds)


class Deterministic(Holding):
    def draw(self, rng: random.Random) -> float:  # noqa: ARG002 - nothing is left to chance
        return self.mean_seconds


@dataclass(frozen=True)
class Lognormal(Holding):
    """Lognormal: exp of a normal with variance log(1 + cv²), cv > 0."""

    cv: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.cv < math.inf:
            raise InvalidHoldingError(f"--cv: a lognormal cv must be positive, not {self.cv}")

    def draw(self, rng: random.Random) -> float:
        variance = math.log1p(self.cv**2)
        return rng.lognormvariate(math.log(self.mean_seconds) - variance / 2, math.sqrt(variance))


@dataclass(frozen=True)
class Pareto(Holding):
    """Pareto: P(T > t) = (scale / t)^shape beyond scale = mean (shape − 1) / shape; the mean exists for shape > 1."""

    shape: float = 2.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 < self.shape < math.inf:
            raise InvalidHoldingError(f"--shape: a Pareto shape must be above 1, not {self.shape}")

    def draw(self, rng: random.Random) -> float:
        return self.mean_seconds * (self.shape - 1) / self.shape * rng.paretovariate(self.shape)


@dataclass(frozen=True)
class Hyperexponential(Holding):
    """Hyperexponential: two exponential phases with balanced means, each contributing half of the mean. cv ≥ 1."""

    cv: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.cv < math.inf:
            raise InvalidHoldingError(f"--cv: a hyperexponential cv must be at least 1, not {self.cv}")

    @property
    def short_phase_probability(self) -> float:
        """p = (1 + √((cv² − 1)/(cv² + 1))) / 2 (Tijms, A First Course in Stochastic Models, appendix B)."""
        return (1 + math.sqrt((self.cv**2 - 1) / (self.cv**2 + 1))) / 2

    def draw(self, rng: random.Random) -> float:
        p = self.short_phase_probability
        phase_probability = p if rng.random() < p else 1 - p
        return rng.expovariate(2 * phase_probability / self.mean_seconds)


DISTRIBUTIONS: Mapping[HoldingKind, type[Holding]] = {
    HoldingKind.EXPONENTIAL: Exponential,
    HoldingKind.DETERMINISTIC: Deterministic,
    HoldingKind.LOGNORMAL: Lognormal,
    HoldingKind.PARETO: Pareto,
    HoldingKind.HYPEREXPONENTIAL: Hyperexponential,
}


def holding_of_kind(
    kind: HoldingKind, mean_seconds: float, *, cv: float | None = None, shape: float | None = None
) -> Holding:
    """Distribution named `kind`. Raises InvalidHoldingError if `cv` or `shape` does not apply to it."""
    given = {name: value for name, value in {"cv": cv, "shape": shape}.items() if value is not None}
    for name in given.keys() - {field.name for field in fields(DISTRIBUTIONS[kind])}:
        raise InvalidHoldingError(f"--{name}: {kind} holding times have no {name}")
    return DISTRIBUTIONS[kind](mean_seconds, **given)
