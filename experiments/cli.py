"""`slta experiments …`: the paper's tables and figures, each alone or all of them."""

# ruff: noqa: PLC0415 - a command imports its study when it runs, so that the others start fast

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from experiments.report import Report

app = typer.Typer(
    help="The paper's results, computed in virtual time by the code that production is checked against.",
    no_args_is_help=True,
    add_completion=False,
)

RESULTS = Path("docs/results")
NEEDED = ("numpy", "scipy", "matplotlib")

Number = TypeVar("Number", int, float)
Out = Annotated[Path | None, typer.Option(help="Folder for tables (Markdown, JSON) and figures (SVG, PNG).")]
Json = Annotated[Path | None, typer.Option("--json", help="File for the numbers alone.")]
Seeds = Annotated[int, typer.Option(min=1, help="Independent runs a cell, seeds 0, 1, …")]
Horizon = Annotated[float, typer.Option(help="Measured time of a run, in mean holding times.")]
Processes = Annotated[int, typer.Option(min=0, help="Processes to use; 0: one for each core.")]


@app.callback()
def require_extra() -> None:
    """The paper's results, computed in virtual time by the code that production is checked against."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        typer.echo(f"{', '.join(missing)} missing: pip install 'slta[experiments]'", err=True)
        raise typer.Exit(1)


def numbers(text: str, option: str, kind: Callable[[str], Number], example: str) -> list[Number]:
    """`50,100` as numbers above 0, each once."""
    try:
        values = [kind(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list like {example}", param_hint=option) from None
    if not all(0 < value < float("inf") for value in values):
        raise typer.BadParameter(f"{text!r}: every number must be positive", param_hint=option)
    return list(dict.fromkeys(values))


def positive(value: float, option: str) -> float:
    """A time above 0."""
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value} is not a positive time", param_hint=option)
    return value


def workers(processes: int) -> int:
    """0 stands for every core."""
    from experiments.parallel import available_processes

    return processes or available_processes()


def emit(report: Report, out: Path | None, json: Path | None = None) -> None:
    """Print the tables; write what was asked for."""
    from experiments.report import write_json, write_report

    typer.echo(report.markdown)
    written = write_report(report, out) if out else []
    if json:
        json.parent.mkdir(parents=True, exist_ok=True)
        write_json(report.data, json)
        written.append(json)
    for file in written:
        typer.echo(f"wrote {file}", err=True)


@app.command()
def table1(
    n: Annotated[str, typer.Option("--n", help="Fleet sizes, even.")] = "50,100,150,200,250,300,350,400,450,500",
    load: Annotated[str, typer.Option(help="Loads ρ per pool.")] = "9.75,10",
    seeds: Seeds = 1,
    horizon: Horizon = 180.0,
    processes: Processes = 0,
    out: Out = None,
    json: Json = None,
) -> None:
    """Table 1: the gap of JLMU and SLTA, beside the paper's, and three planted misreadings."""
    from experiments.studies import table1 as module

    sizes = numbers(n, "--n", int, "50,100")
    if any(size % 2 or size < 4 for size in sizes):
        raise typer.BadParameter("two classes of equal size: every n must be even, 4 at least", param_hint="--n")
    loads = numbers(load, "--load", float, "9.75,10")
    if max(loads) > module.MAX_LOAD:
        raise typer.BadParameter(f"pools hold 96 sessions here: at most {module.MAX_LOAD:g}", param_hint="--load")
    emit(module.study(sizes, loads, seeds, positive(horizon, "--horizon"), workers(processes)), out, json)


@app.command()
def figure3(out: Out = None, json: Json = None) -> None:
    """Figure 3: optimal assignments of both sets of utilities. Exact."""
    from experiments.studies import figure3 as module

    emit(module.study(), out, json)


@app.command()
def fluid(processes: Processes = 0, out: Out = None, json: Json = None) -> None:
    """The fluid limit of eq. (10) beside simulated paths, from an empty and from a badly wrong start."""
    from experiments.studies import fluid as module

    emit(module.study(workers(processes)), out, json)


@app.command()
def learning(seeds: Seeds = 8, processes: Processes = 0, out: Out = None, json: Json = None) -> None:
    """How r is learned: from empty, through steps of the load, without a class, and with which β."""
    from experiments.studies import learning as module

    emit(module.study(seeds, workers(processes)), out, json)


@app.command()
def cells(
    n: Annotated[str, typer.Option("--n", help="Fleet sizes: 2000, 20000 or both.")] = "2000,20000",
    seeds: Seeds = 3,
    processes: Processes = 0,
    out: Out = None,
    json: Json = None,
) -> None:
    """What splitting a fleet into 1 to 64 cells by hashing costs."""
    from experiments.studies import cells as module

    sizes = numbers(n, "--n", int, "50,100")
    if not set(sizes) <= set(module.SIZES):
        raise typer.BadParameter(f"choose from {', '.join(map(str, module.SIZES))}", param_hint="--n")
    emit(module.study(seeds, sizes, workers(processes)), out, json)


@app.command()
def suboptimal(seeds: Seeds = 40, processes: Processes = 0, out: Out = None, json: Json = None) -> None:
    """Section 9.3: where JLMU loses to the true optimum of a small fleet."""
    from experiments.studies import suboptimal as module

    emit(module.study(seeds, workers(processes)), out, json)


@app.command()
def index(seeds: Seeds = 8, processes: Processes = 0, out: Out = None, json: Json = None) -> None:
    """JLMU's rule on another order of coordinates, for small fleets, beside the optimum."""
    from experiments.studies import index as module

    emit(module.study(seeds, workers(processes)), out, json)


@app.command()
def policies(seeds: Seeds = 4, processes: Processes = 0, out: Out = None, json: Json = None) -> None:
    """Eight policies side by side on the same arrivals, on three fleets."""
    from experiments.studies import policies as module

    emit(module.study(seeds, workers(processes)), out, json)


@app.command()
def assumptions(
    seeds: Seeds = 4,
    trace: Annotated[Path | None, typer.Option(help="A recorded workload: CSV with start_s,duration_s.")] = None,
    processes: Processes = 0,
    out: Out = None,
    json: Json = None,
) -> None:
    """Other holding times, other arrivals, a day, a recorded trace: does the bound hold, how does the gap
    split?
    """
    from experiments.studies import assumptions as module

    check_trace(trace)
    emit(module.study(seeds, trace, workers(processes)), out, json)


@app.command()
def state(processes: Processes = 0, out: Out = None, json: Json = None) -> None:
    """What each policy stores and hears if the pools keep their own occupancy."""
    from experiments.studies import messages as module

    emit(module.study(workers(processes)), out, json)


@app.command()
def speed(out: Out = None, json: Json = None) -> None:
    """What an event costs by n, compiled and in plain Python."""
    from experiments.studies import speed as module

    emit(module.study(), out, json)


@app.command("all")
def everything(
    out: Annotated[Path, typer.Option(help="Folder for tables and figures.")] = RESULTS,
    trace: Annotated[Path | None, typer.Option(help="A recorded workload: CSV with start_s,duration_s.")] = None,
    processes: Processes = 0,
) -> None:
    """Every table and figure, with the seeds of the committed results (some ten minutes of one core)."""
    from experiments.studies import (
        assumptions,
        cells,
        figure3,
        fluid,
        index,
        learning,
        messages,
        policies,
        speed,
        suboptimal,
        table1,
    )

    check_trace(trace)
    count = workers(processes)
    studies: list[Callable[[], Report]] = [
        figure3.study,
        lambda: table1.study(seeds=24, processes=count),
        lambda: fluid.study(count),
        lambda: learning.study(processes=count),
        lambda: cells.study(seeds=2, processes=count),
        lambda: policies.study(processes=count),
        lambda: suboptimal.study(processes=count),
        lambda: assumptions.study(trace=trace, processes=count),
        lambda: messages.study(count),
        lambda: index.study(seeds=4, processes=count),
        speed.study,
    ]
    for study in studies:
        emit(study(), out)


def check_trace(trace: Path | None) -> None:
    """Refuse a trace that cannot be read before anything long begins."""
    from loadgen.trace import InvalidTrace, measure_trace

    if trace is None:
        return
    try:
        measure_trace(trace)
    except (OSError, InvalidTrace) as error:
        raise typer.BadParameter(str(error), param_hint="--trace") from None


if __name__ == "__main__":
    sys.exit(app())
