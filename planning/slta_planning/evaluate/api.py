"""Evaluation of a log file, as programs and the command line call it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from slta.cli.error_messages import UserError
from slta.core.fleet import FleetSpec
from slta.fleet_file.schema import FleetFile
from slta.fleet_file.specs import compile_spec
from slta.fleet_file.yaml_file import load_yaml
from slta_planning.evaluate import replay
from slta_planning.evaluate.active_pools import Unseen, active_pools_of
from slta_planning.evaluate.entries import FormatName
from slta_planning.evaluate.holes import Hole, Holes, holes_of, refuse_holes
from slta_planning.evaluate.lines import LEFT_OUT
from slta_planning.evaluate.pool_numbers import NameMap, PoolNumbers
from slta_planning.evaluate.reading import Log, Selection, read_log
from slta_planning.evaluate.replay import RECORDED, Evaluation
from slta_planning.evaluate.requests import put_together, refuse_requests
from slta_planning.evaluate.results import results
from slta_planning.evaluate.window import window_of
from slta_planning.text import error_text, tally


@dataclass(frozen=True)
class Options:
    """Options of `slta evaluate`, with the same defaults. `columns` are the log's names by ours, as `start_s`."""

    format: FormatName | None = None
    timezone: tzinfo | None = None
    maps: Sequence[NameMap] = ()
    backends: Collection[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    unseen: Unseen | None = None
    warm_up: float | None = None
    cool_down: float | None = None
    max_left_out: float = 0.01
    gap: float | None = None
    holes: Holes | None = None
    lines_are_sessions: bool = False
    unsorted: bool = False


class Progress(NamedTuple):
    """Callbacks: bytes of the log read since the last call; runs of the replay that are done, and their total."""

    read: Callable[[int], None] = lambda _: None
    ran: replay.Ran = lambda _done, _all: None


class Answer(NamedTuple):
    """The specification of the fleet, the sessions that were measured, their replay, and its figures."""

    spec: FleetSpec
    log: Log
    evaluation: Evaluation
    data: dict[str, Any]


DEFAULTS, QUIET = Options(), Progress()


def evaluate(log: Path | str, fleet: Path | str, options: Options = DEFAULTS) -> dict[str, Any]:
    """Figures of a log on a fleet file, as `slta evaluate --json` writes them; `schema.json` describes them.

    Raises UserError where the command exits with 2, InvalidFleetError or OSError.
    """
    return evaluated(Path(log), load_yaml(fleet).file, options).data


def evaluated(log: Path, fleet: FleetFile, options: Options, progress: Progress = QUIET) -> Answer:
    """Read, check and replay a log. Raises as `evaluate` does."""
    spec = compile_spec(fleet)
    numbers = PoolNumbers({c.name: c.pool_count for c in fleet.classes}, options.maps)
    read = read_log(log, _selection(spec, options), numbers, progress.read)
    _refuse_if_too_many(read, options)
    refuse_requests(read, allowed=options.lines_are_sessions or options.gap is not None)
    holes = holes_of(read)
    refuse_holes(holes, read, 1.0 if options.holes else options.max_left_out)
    found = _by_gap(partial(_measure, spec, options, holes, progress.ran), read, options.gap)
    _refuse_if_too_many(found.log, options)
    return found


def _selection(spec: FleetSpec, options: Options) -> Selection:
    classes, sets = spec.class_names(), spec.type_sets.classes
    types = {name: {classes[c] for c in own} for name, own in zip(spec.type_names, sets, strict=True)}
    with_ids = options.gap is not None
    return Selection(options.format, options.timezone, options.backends, types, with_ids, options.columns)


def _measure(spec: FleetSpec, options: Options, holes: list[Hole], ran: replay.Ran, log: Log) -> Answer:
    window = window_of(log, options.warm_up, options.cool_down, holes if options.holes is Holes.DROP else ())
    active = active_pools_of(spec, log, window, options.unseen)
    found = replay.evaluate(spec, log, window, active, ran)
    return Answer(spec, log, found, results(found, log, holes))


def _by_gap(measure: Callable[[Log], Answer], read: Log, gap: float | None) -> Answer:
    """Measure the log's sessions; those that a gap puts together also by half of it and twice it."""
    if gap is None:
        return measure(read)
    found = measure(put_together(read, gap))
    others = {g: measure(put_together(read, g, 0)).data for g in (gap / 2, gap * 2)}
    rows = [
        {"gap_s": g, "sessions": one["sessions"], "mean_s": one["duration"]["mean_s"]}
        | {"mean_sessions": one["mean_sessions"], "relative_placement_gap": one[RECORDED]["relative_placement_gap"]}
        for g, one in sorted([(gap, found.data), *others.items()], key=itemgetter(0))
    ]
    return found._replace(data=found.data | {"by_gap": rows})


def _refuse_if_too_many(log: Log, options: Options) -> None:
    """Raise UserError if a larger fraction of the lines is left out, or after later ones."""
    lines, most = log.lines, options.max_left_out
    if lines.clock_back > most * lines.read and not options.unsorted:
        raise UserError(
            f"{lines.clock_back:,} of {lines.read:,} lines are after later ones: the clock went back, as when summer "
            "ends (HAProxy's dates need --timezone), or the log is not sorted. Sort it, or choose --unsorted if its "
            "times are right"
        )
    if lines.left_out <= most * lines.read:
        return
    counts = ((getattr(lines, kind), why) for kind, why in LEFT_OUT.items())
    kinds = ", ".join(f"{count:,} {why}" for count, why in counts if count)
    head = (
        f"{lines.left_out:,} of {lines.read:,} lines cannot be used ({kinds}), more than --max-left-out {most:g} allows"
    )
    reasons = (f"  {reason}" for reason in [*lines.bad_lines, *lines.incompatible_lines, *_of_unknown_pools(log)])
    raise UserError(error_text([head, *reasons]))


def _of_unknown_pools(log: Log) -> Iterator[str]:
    """The unknown pools, and the options that name them."""
    lines = log.lines
    yield from (f"unknown pool {pool} ({count:,} times)" for pool, count in lines.unknown_pools.items())
    if lines.unknown_servers:
        yield log.numbers.remedy(list(lines.unknown_servers))
    if lines.unknown_pools and len(lines.backends) > 1:
        yield f"lines are of several backends, choose with --backend: {tally(lines.backends)}"
