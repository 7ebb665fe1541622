"""Distributions of holding times with a given mean, in seconds."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class InvalidHoldingError(ValueError):
    """Invalid parameters of a holding time distribution."""


class Holding(Protocol):
    """Distribution of holding times. `cv` is the standard deviation over the mean."""

    @property
    def mean_seconds(self) -> float: ...
    @property
    def cv(self) -> float: ...
    def draw(self, rng: random.Random) -> float:
        """Draw one holding time."""


class HoldingKind(StrEnum):
    EXPONENTIAL = "exponential"
    DETERMINISTIC = "deterministic"
    LOGNORMAL = "lognormal"
    PARETO = "pareto"
    HYPEREXPONENTIAL = "hyperexponential"


@dataclass(frozen=True, slots=True)
class Exponential:
    mean_seconds: float

    def __post_init__(self) -> None:
        _require_mean(self.mean_seconds)

    @property
    def cv(self) -> float:
        return 1.0

    def draw(self, rng: random.Random) -> float:
        return rng.expovariate(1.0 / self.mean_seconds)


@dataclass(frozen=True, slots=True)
class Deterministic:
    mean_seconds: float

    def __post_init__(self) -> None:
        _require_mean(self.mean_seconds)

    @property
    def cv(self) -> float:
        return 0.0

    def draw(self, rng: random.Random) -> float:  # noqa: ARG002 - nothing is left to chance
        return self.mean_seconds


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Lognormal: exp of a normal with variance log(1 + cv²), cv > 0."""

    mean_seconds: float
    cv: float = 1.0

    def __post_init__(self) -> None:
        _require_mean(self.mean_seconds)
        if not 0 < self.cv < math.inf:
            raise InvalidHoldingError(f"--cv: a lognormal cv must be positive, not {self.cv}")

    def draw(self, rng: random.Random) -> float:
        variance = math.log1p(self.cv**2)
        return rng.lognormvariate(math.log(self.mean_seconds) - variance / 2, math.sqrt(variance))


@dataclass(frozen=True, slots=True)
class Pareto:
    """Pareto: P(T > t) = (scale / t)^shape beyond scale = mean (shape − 1) / shape; the mean exists for shape > 1."""

    mean_seconds: float
    shape: float = 2.5

    def __post_init__(self) -> None:
        _require_mean(self.mean_seconds)
        if not 1 < self.shape < math.inf:
            raise InvalidHoldingError(f"--shape: a Pareto shape must be above 1, not {self.shape}")

    @property
    def cv(self) -> float:
        """Coefficient of variation; infinite up to shape 2."""
        return 1 / math.sqrt(self.shape * (self.shape - 2)) if self.shape > 2 else math.inf

    @property
    def scale_seconds(self) -> float:
        return self.mean_seconds * (self.shape - 1) / self.shape

    def draw(self, rng: random.Random) -> float:
        return self.scale_seconds * rng.paretovariate(self.shape)


@dataclass(frozen=True, slots=True)
class Hyperexponential:
    """Hyperexponential: two exponential phases with balanced means, each contributing half of the mean. cv ≥ 1."""

    mean_seconds: float
    cv: float = 2.0

    def __post_init__(self) -> None:
        _require_mean(self.mean_seconds)
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


def holding_of_kind(
    kind: HoldingKind, mean_seconds: float, *, cv: float | None = None, shape: float | None = None
) -> Holding:
    """Distribution named `kind`. Raises InvalidHoldingError if `cv` or `shape` does not apply to it."""
    if cv is not None and kind not in {HoldingKind.LOGNORMAL, HoldingKind.HYPEREXPONENTIAL}:
        raise InvalidHoldingError(f"--cv: {kind} holding times have no cv")
    if shape is not None and kind is not HoldingKind.PARETO:
        raise InvalidHoldingError(f"--shape: {kind} holding times have no shape")
    match kind:
        case HoldingKind.EXPONENTIAL:
            return Exponential(mean_seconds)
        case HoldingKind.DETERMINISTIC:
            return Deterministic(mean_seconds)
        case HoldingKind.LOGNORMAL:
            return Lognormal(mean_seconds) if cv is None else Lognormal(mean_seconds, cv)
        case HoldingKind.PARETO:
            return Pareto(mean_seconds) if shape is None else Pareto(mean_seconds, shape)
        case HoldingKind.HYPEREXPONENTIAL:
            return Hyperexponential(mean_seconds) if cv is None else Hyperexponential(mean_seconds, cv)


def _require_mean(mean_seconds: float) -> None:
    if not 0 < mean_seconds < math.inf:
        raise InvalidHoldingError(f"--mean-holding must be positive and finite, not {mean_seconds}")
