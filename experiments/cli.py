"""`slta experiments …`: the paper's tables and figures, each alone or all of them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.options import OPTIONS, Json, Out, Processes, Trace
from experiments.studies import Unsuitable

if TYPE_CHECKING:
    from experiments.report import Report

app = typer.Typer(
    help="The paper's results, computed in virtual time by the code that production is checked against.",
    no_args_is_help=True,
    add_completion=False,
)

RESULTS = Path("docs/results")


@dataclass(frozen=True)
class Study:
    """One row: a command, run by `study` of `experiments.studies.NAME`.

    `options` are those it has besides --out and --json, with their defaults, by the names of `study`'s arguments.
    `committed` are the words on the command line that made docs/results.
    """

    name: str
    summary: str
    options: Mapping[str, Any]
    committed: tuple[str, ...] = ()

    def run(self, **options: Any) -> Report:  # noqa: ANN401 - as `study` takes them
        """Run the study. It is imported only now, so that the command line starts fast."""
        report: Report = import_module(f"experiments.studies.{self.name}").study(**options)
        return report


STUDIES = (
    Study("figure3", "Figure 3: optimal assignments of both sets of utilities. Exact.", {}),
    Study(
        "table1",
        "Table 1: the gap of JLMU and SLTA, beside the paper's, and three planted misreadings.",
        {
            "sizes": "50,100,150,200,250,300,350,400,450,500",
            "loads": "9.75,10",
            "seeds": 1,
            "horizon": 180.0,
            "processes": 0,
        },
        committed=("--seeds", "24"),
    ),
    Study(
        "fluid",
        "The fluid limit of eq. (10) beside simulated paths, from an empty and from a badly wrong start.",
        {"processes": 0},
    ),
    Study(
        "learning",
        "How r is learned: from empty, through steps of the load, without a class, and with which β.",
        {"seeds": 8, "processes": 0},
    ),
    Study(
        "cells",
        "What splitting a fleet into 1 to 64 cells by hashing costs.",
        {"sizes": "2000,20000", "seeds": 3, "processes": 0},
        committed=("--seeds", "2"),
    ),
    Study(
        "policies", "Nine policies side by side on the same arrivals, on three fleets.", {"seeds": 4, "processes": 0}
    ),
    Study(
        "suboptimal",
        "Section 9.3: where JLMU loses to the true optimum of a small fleet.",
        {"seeds": 40, "processes": 0},
    ),
    Study(
        "assumptions",
        "Other holding times, other arrivals, a day, a recorded trace: does the bound hold, how does the gap split?",
        {"seeds": 4, "trace": None, "processes": 0},
    ),
    Study("state", "What each policy stores and hears if the pools keep their own occupancy.", {"processes": 0}),
    Study(
        "index",
        "JLMU's rule on another order of coordinates, for small fleets, beside the optimum.",
        {"seeds": 8, "processes": 0},
        committed=("--seeds", "4"),
    ),
    Study(
        "greedy",
        "What SLTA and SLTA-greedy lose to JLMU: two, three and six classes, steady and moving loads.",
        {"seeds": 24, "processes": 0},
    ),
    Study(
        "prediction",
        "The gap that is to be expected beside simulated ones, on 40 fleets that were drawn at random.",
        {"seeds": 20, "processes": 0},
    ),
    Study(
        "which",
        "Which policy on which order: two, three and six classes, 4 to 1,000 pools, steady and swinging.",
        {"seeds": 20, "processes": 0},
    ),
    Study(
        "orders",
        "What the orders by kinks and by the index win: random fleets full of ties, small ones beside their optimum.",
        {"seeds": 20, "processes": 0},
    ),
    Study("speed", "What an event costs by n, compiled and in plain Python.", {}),
)


def add_command(study: Study) -> None:
    """A command with the options of the row."""

    def command(*, out: Out = None, json: Json = None, **options: Any) -> None:  # noqa: ANN401 - as `study` takes them
        try:
            report = study.run(**options)
        except Unsuitable as error:
            raise typer.BadParameter(str(error)) from None
        emit(report, out, json)

    own = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=OPTIONS[name])
        for name, default in study.options.items()
    ]
    written = inspect.signature(command, eval_str=True).parameters
    # typer makes options of a signature; this one says which `options` there are.
    command.__signature__ = inspect.Signature([*own, written["out"], written["json"]])  # type: ignore[attr-defined]
    app.command(study.name, help=study.summary)(command)


def emit(report: Report, out: Path | None, json: Path | None) -> None:
    """Print the tables; write what was asked for."""
    from experiments.report import write_json, write_report  # noqa: PLC0415 - imports matplotlib

    typer.echo(report.markdown)
    written = write_report(report, out) if out else []
    if json:
        json.parent.mkdir(parents=True, exist_ok=True)
        write_json(report.data, json)
        written.append(json)
    for file in written:
        typer.echo(f"wrote {file}", err=True)


for row in STUDIES:
    add_command(row)


@app.command("all")
def everything(
    out: Annotated[Path, typer.Option(help="Folder for tables and figures.")] = RESULTS,
    trace: Trace = None,
    processes: Processes = 0,
) -> None:
    """Every table and figure, with the seeds of the committed results (some ten minutes of one core)."""
    command = typer.main.get_command(app)
    for study in STUDIES:
        words = [study.name, "--out", str(out), *study.committed]
        if "processes" in study.options:
            words += ["--processes", str(processes)]
        if "trace" in study.options and trace:
            words += ["--trace", str(trace)]
        command.main(words, standalone_mode=False)


if __name__ == "__main__":
    sys.exit(app())
