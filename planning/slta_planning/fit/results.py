"""Results of a fit as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slta_planning.fit.candidates import Candidate
from slta_planning.fit.fitting import ClassFit
from slta_planning.fit.fleet import plain
from slta_planning.fit.samples import Samples

FIGURES = ("utility", "fields", "parameters", "residual", "criterion")
"""Of a candidate."""


def results(fits: Sequence[ClassFit], samples: Samples) -> dict[str, Any]:
    """All figures."""
    return {
        "samples": {"read": samples.read, "bad": samples.bad, "bad_lines": samples.bad_lines},
        "classes": {fit.name: _class(fit) for fit in fits},
    }


def _class(fit: ClassFit) -> dict[str, Any]:
    levels, bands = fit.levels, fit.bands
    return {
        "samples": int(levels.counts.sum()),
        "left_out": fit.left_out,
        "pools": fit.pools,
        "capacity": fit.capacity,
        "concave": {
            "accepted": fit.shape.is_concave,
            "p_value": fit.shape.p_value,
            "x": fit.shape.bend,
            "slope_before": fit.shape.before,
            "slope_after": fit.shape.after,
        },
        "choice": fit.taken.kind,
        "utility": plain(fit.taken.utility),
        "values": fit.taken.values.tolist(),
        "bands": {
            "utility": {"low": bands.utility.low.tolist(), "high": bands.utility.high.tolist()},
            "marginal": {"low": bands.marginal.low.tolist(), "high": bands.marginal.high.tolist()},
        },
        "levels": [
            {"sessions": int(at) if at == int(at) else float(at), "samples": int(count), "mean": float(mean)}
            for at, count, mean in zip(levels.at, levels.counts, levels.means, strict=True)
        ],
        "candidates": {one.kind: _candidate(one) for one in fit.candidates},
        "warnings": fit.warnings,
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    figures: dict[str, Any] = plain({name: getattr(one, name) for name in FIGURES})
    return figures
