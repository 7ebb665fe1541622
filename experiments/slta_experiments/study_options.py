"""Options of studies' commands, and parsers of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

Number = TypeVar("Number", int, float)


def numbers(kind: Callable[[str], Number]) -> Callable[[typer.CallbackParam, str], list[Number]]:
    """Parser of a list like `50,100` of unique numbers above 0."""

    def read(param: typer.CallbackParam, value: str) -> list[Number]:
        try:
            values = [kind(part) for part in value.split(",")]
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not a list like {param.default}") from None
        if not all(0 < number < float("inf") for number in values):
            raise typer.BadParameter(f"{value!r}: every number must be positive")
        return list(dict.fromkeys(values))

    return read


def positive(value: float) -> float:
    """Require a time above 0 and finite."""
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value} is not a positive, finite time")
    return value


def workers(processes: int) -> int:
    """Number of processes; 0: one per core."""
    from slta_experiments.parallel import available_processes  # noqa: PLC0415 - imports rich

    return processes or available_processes()


Out = Annotated[Path | None, typer.Option(help="Directory for the numbers (JSON).")]
Figures = Annotated[Path | None, typer.Option(help="Directory for the figures (SVG), by default that of --out.")]
Processes = Annotated[int, typer.Option(min=0, help="Number of processes; 0: one per core.", callback=workers)]

OPTIONS: Mapping[str, Any] = {
    "sizes": Annotated[str, typer.Option("--n", help="Fleet sizes.", callback=numbers(int))],
    "loads": Annotated[str, typer.Option("--load-per-pool", help="Loads ρ.", callback=numbers(float))],
    "seeds": Annotated[int, typer.Option(min=1, help="Independent runs per cell, seeds 0, 1, …")],
    "horizon": Annotated[float, typer.Option(help="Measured time of a run, in mean holding times.", callback=positive)],
    "processes": Processes,
    "kept": Annotated[Path, typer.Option(help="File of the runs that are done; the study goes on after them.")],
}
"""Options by the argument names of `study`."""
