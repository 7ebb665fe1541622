"""Mix of session types that a demonstration plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slta.core.fleet import FleetSpec
from slta_loadgen.type_mix import InvalidMixError, TypeMix, parse_mix, refuse_unknown

AMPLITUDE = 0.5
"""By which the shares swing if none is given."""


def demonstrated_mix(spec: FleetSpec, shares: str | None, swing: str | None, period_seconds: float) -> TypeMix | None:
    """The mix, by default equal shares that swing with this period; None without session types. InvalidMixError."""
    if not shares and not spec.session_types:
        if swing:
            raise InvalidMixError("--swing-types: the fleet has no session types")
        return None
    mix = parse_mix(shares or ",".join(f"{name}=1" for name in spec.session_types), swing)
    refuse_unknown((name for name, _ in mix.shares), spec.type_names)
    return mix if swing else replace(mix, amplitude=AMPLITUDE, period_seconds=period_seconds)


def mean_sessions(spec: FleetSpec, mix: TypeMix | None, sessions: float) -> Sequence[float]:
    """Split of `sessions` by type in the order of the fleet's types; without a mix all are of the first, `default`."""
    shares = dict(mix.shares) if mix else {spec.type_names[0]: 1.0}
    return [sessions * shares.get(name, 0.0) / sum(shares.values()) for name in spec.type_names]
