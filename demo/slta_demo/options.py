"""Options of a demonstration: a scaled fleet and its load."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from slta.cli.error_messages import UserError
from slta.core.fleet import FleetSpec
from slta.fleet_file import FleetFile, load_yaml
from slta.models.errors import InvalidFleetError
from slta_demo.mix import demonstrated_mix
from slta_loadgen.profile import InvalidProfileError, parse_profile
from slta_loadgen.trace import InvalidTraceError, measure_trace, session_seconds_between
from slta_loadgen.type_mix import InvalidMixError, TypeMix

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples" if (HERE / "examples").is_dir() else HERE.parents[1] / "examples"
"""A wheel contains a copy of the checkout's examples."""
SWING_HOLDINGS = 12
"""Period of a swing in mean holding times: slow enough for sessions to follow."""
SWING_POINTS = 24
WARM_UP_HOLDINGS = 5
"""Default warm-up in mean holding times: leaves less than 1 % of the empty start."""
MAX_WARM_UP = 1 / 3
"""Fraction of the duration."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Command line options. `load_per_pool` is a number, `5..12`, or `5@30,5..12@20,12@30`."""

    fleet_file: Path = EXAMPLES / "saturating.yaml"
    policy: str | None = None
    pools: int | None = None
    load_per_pool: str = "5..12"
    mean_holding: float = 5.0
    duration: float = 60.0
    warm_up: float | None = None
    session_types: Sequence[str] = ()
    swing_types: str | None = None
    trace: Path | None = None
    speed: float = 1.0
    json: Path | None = None
    seed: int = 1
    port: int = 0
    keep: bool = False


class Course(NamedTuple):
    """Load over time. `duration_seconds` is the end, warm-up included.

    `text` is the offered load per pool after the warm-up as a load profile, repeated until the arrivals end; None for a
    trace.
    """

    text: str | None
    mean_load: float
    mean_holding_seconds: float
    warm_up_seconds: float
    duration_seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Demonstration plan. `document` is the fleet file; `pools` counts them by class. `mix` is None without types."""

    fleet: str
    document: str
    spec: FleetSpec
    pools: tuple[int, ...]
    course: Course
    mix: TypeMix | None
    trace: Path | None
    speed: float
    seed: int


def plan(options: Options) -> Plan:
    """Validate all options before anything starts; raises UserError."""
    try:
        loaded = load_yaml(options.fleet_file)
        file = chosen(loaded.file, options.policy, options.pools)
        pools = tuple(c.pool_count for c in file.classes)
        trace = options.trace
        course = _of_trace(options, trace, sum(pools)) if trace else _of_load(options)
        spec = file.to_spec()
        if not spec.policy.places:
            raise UserError(f"--policy: {spec.policy.name} places no sessions; choose another")
        mix = _mix(options, spec, course)
    except (InvalidFleetError, InvalidMixError, InvalidProfileError, InvalidTraceError, ValueError) as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    return Plan(
        fleet=loaded.name,
        document=f'{{"fleet": {json.dumps(loaded.name)}, {file.document()[1:]}',
        spec=spec,
        pools=pools,
        course=course,
        mix=mix,
        trace=options.trace,
        speed=options.speed,
        seed=options.seed,
    )


def _mix(options: Options, spec: FleetSpec, course: Course) -> TypeMix | None:
    """The mix of a generated load; sessions of a trace have no types."""
    if not options.trace:
        seconds = course.duration_seconds - course.warm_up_seconds
        period = whole_swing(SWING_HOLDINGS * course.mean_holding_seconds, seconds)
        return demonstrated_mix(spec, ",".join(options.session_types), options.swing_types, period)
    if options.session_types or options.swing_types:
        raise UserError("--session-types and --swing-types are of a generated load, not of a trace")
    return None


def chosen(file: FleetFile, policy: str | None, pools: int | None) -> FleetFile:
    """The fleet file with another policy, or with its classes scaled to `pools` in total."""
    counts = [c.pool_count for c in file.classes]
    if not sum(counts):
        raise UserError("the fleet file has no pools: set `pools` of its classes")
    if pools is not None:
        counts = in_proportion(counts, pools)
    classes = [c.model_copy(update={"pools": n}) for c, n in zip(file.classes, counts, strict=True)]
    return FleetFile.model_validate(
        file.model_copy(update={"policy": policy or file.policy, "classes": classes}).model_dump()
    )


def in_proportion(counts: Sequence[int], total: int) -> list[int]:
    """Split `total` in proportion to `counts`: floors first, then the largest remainders."""
    if total < 1:
        raise UserError("--pools must be at least 1")
    whole = [count * total // sum(counts) for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda i: -(counts[i] * total % sum(counts)))
    for i in by_remainder[: total - sum(whole)]:
        whole[i] += 1
    return whole


def _of_trace(options: Options, trace: Path, pools: int) -> Course:
    """Load of a trace; the mean covers the measured time, from the warm-up to the last arrival."""
    length = measure_trace(trace, speed=options.speed)
    if length.session_types:
        raise UserError("--trace: sessions with a session_type are replayed by slta loadgen only")
    mean_holding = length.session_seconds / length.sessions
    last_start = length.last_start_seconds
    warm_up = _warm_up(options, mean_holding, last_start)
    seconds = session_seconds_between(trace, warm_up, last_start, speed=options.speed)
    mean_load = seconds / (last_start - warm_up) / pools if last_start > warm_up else 0.0
    return Course(None, mean_load, mean_holding, warm_up, length.last_end_seconds)


def _of_load(options: Options) -> Course:
    holding, duration = options.mean_holding, options.duration
    for name, seconds in (("--mean-holding", holding), ("--duration", duration)):
        if not 0 < seconds < math.inf:
            raise UserError(f"{name} must be positive")
    if "@" in options.load_per_pool:
        profile = parse_profile(options.load_per_pool)
        warm_up = _warm_up(options, holding, profile.duration_seconds)
        return Course(options.load_per_pool, profile.mean_rate, holding, warm_up, warm_up + profile.duration_seconds)
    warm_up = _warm_up(options, holding, duration)
    text = parse_load(options.load_per_pool, SWING_HOLDINGS * holding, duration - warm_up)
    return Course(text, parse_profile(text).mean_rate, holding, warm_up, duration)


def _warm_up(options: Options, mean_holding_seconds: float, arrivals_seconds: float) -> float:
    if options.warm_up is None:
        return min(WARM_UP_HOLDINGS * mean_holding_seconds, MAX_WARM_UP * arrivals_seconds)
    if not 0 <= options.warm_up < arrivals_seconds:
        raise UserError("--warm-up must end before the arrivals do")
    return options.warm_up


def parse_load(text: str, swing_seconds: float, duration_seconds: float) -> str:
    """Convert a number or a swing to a profile of `duration_seconds`, repeated until then.

    A swing takes about `swing_seconds`, rounded to fill the whole time.
    """
    numbers = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?", text.strip(), re.ASCII)
    if not numbers:
        raise UserError(f"--load-per-pool must be a number, a swing (5..12) or a profile (5@30,5..12@20), not {text!r}")
    low, high = (float(number) for number in numbers.groups(numbers[1]))
    if low == high:
        return f"{low:.9f}@{duration_seconds:.9f}"
    return swing(low, high, whole_swing(swing_seconds, duration_seconds))


def whole_swing(swing_seconds: float, duration_seconds: float) -> float:
    """About `swing_seconds`, so that whole swings fill the time."""
    return duration_seconds / max(1, round(duration_seconds / swing_seconds))


def swing(low: float, high: float, seconds: float) -> str:
    """Swing from `low` to `high` and back, along a cosine."""
    loads = [
        (low + high) / 2 - (high - low) / 2 * math.cos(2 * math.pi * k / SWING_POINTS) for k in range(SWING_POINTS + 1)
    ]
    return ",".join(f"{start:.9f}..{end:.9f}@{seconds / SWING_POINTS:.9f}" for start, end in pairwise(loads))
