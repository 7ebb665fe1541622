"""Mix of session types in a workload: random, of fixed shares, or of shares that swing in turn."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slta_loadgen.workload import PlannedSession

NAME = r"[A-Za-z0-9._:-]{1,128}"
_SHARE = re.compile(rf"({NAME})=([0-9]+(?:\.[0-9]+)?)")
_SWING = re.compile(r"([0-9]*\.?[0-9]+)@([0-9]*\.?[0-9]+)")

DEFAULT_TYPE = "default"
"""The only type of a fleet without session types."""


class InvalidMixError(ValueError):
    """Invalid text of a mix."""


@dataclass(frozen=True, slots=True)
class TypeMix:
    """Shares of the arrivals by session type, in any unit.

    Those of type k of K are times 1 + amplitude · sin 2π(time / period + k / K): the types swing one after another.
    """

    shares: tuple[tuple[str, float], ...]
    amplitude: float = 0.0
    period_seconds: float | None = None

    def shares_at(self, seconds: float) -> list[float]:
        """Shares at a moment, by position."""
        turns = seconds / self.period_seconds if self.period_seconds else 0.0
        return [
            share * (1 + self.amplitude * math.sin(2 * math.pi * (turns + k / len(self.shares))))
            for k, (_, share) in enumerate(self.shares)
        ]

    def draw(self, seconds: float, rng: random.Random) -> str:
        """The type of a session that begins at a moment."""
        return rng.choices([name for name, _ in self.shares], self.shares_at(seconds))[0]


def parse_mix(text: str, swing: str | None = None) -> TypeMix:
    """Mix from `video=0.2,chat=0.8`, and `0.5@120` for swings by half within 120 s. InvalidMixError.

    >>> parse_mix("video=1,chat=3", "0.5@120").shares_at(30)
    [1.5, 1.5]
    """
    found = [_SHARE.fullmatch(part.strip()) for part in text.split(",")]
    shares = tuple((match[1], float(match[2])) for match in found if match)
    if len(shares) < len(found) or len(dict(shares)) < len(shares) or not sum(share for _, share in shares):
        raise InvalidMixError(
            "--session-types: must be <type>=<share>,… like video=0.2,chat=0.8, each type once, and not all shares 0"
        )
    if swing is None:
        return TypeMix(shares)
    match = _SWING.fullmatch(swing)
    if not match or not 0 <= float(match[1]) <= 1 or not float(match[2]):
        raise InvalidMixError("--swing-types: must be <amplitude, 0 to 1>@<seconds>")
    return TypeMix(shares, float(match[1]), float(match[2]))


def mix_of(shares: Sequence[str] | None, swing: str | None) -> TypeMix | None:
    """Mix from the options, of which shares may be repeated; None without shares. InvalidMixError."""
    if swing and not shares:
        raise InvalidMixError("--swing-types needs --session-types")
    return parse_mix(",".join(shares), swing) if shares else None


def refuse_unknown(names: Iterable[str], known: Sequence[str]) -> None:
    """InvalidMixError for types that are not among those of the fleet."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidMixError(f"session types: unknown {', '.join(unknown)}; known: {', '.join(known)}")


def mixed(sessions: Iterable[PlannedSession], mix: TypeMix, rng: random.Random) -> Iterator[PlannedSession]:
    """The same sessions, each with a type."""
    return (one._replace(session_type=mix.draw(one.start_seconds, rng)) for one in sessions)
