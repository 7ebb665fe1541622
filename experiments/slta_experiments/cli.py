"""Command line of `slta experiments`: the paper's tables and figures, one or all."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slta.cli.error_messages import in_one_line
from slta.cli.options import JsonFile
from slta.cli.streams import text_beside
from slta_experiments.studies import UnsuitableError
from slta_experiments.study_options import OPTIONS, Figures, Out, Processes

if TYPE_CHECKING:
    from slta_experiments.study_report import Report

RESULTS = Path("experiments/results")
FIGURES = Path("docs/images")


@dataclass(frozen=True)
class Study:
    """A command that runs `study` of the module NAME, with underscores, in `package`.

    `options` are its own options with their defaults, by the names of `study`'s arguments.
    `committed` are the arguments that produced the committed results.
    """

    name: str
    summary: str
    options: Mapping[str, Any]
    committed: tuple[str, ...] = ()
    package: str = "slta_experiments.studies"

    @property
    def module(self) -> str:
        """Full name of its module."""
        return f"{self.package}.{self.name.replace('-', '_')}"

    def run(self, **options: Any) -> Report:  # noqa: ANN401 - as `study` takes them
        """Run the study. The import is deferred so that the command line starts fast."""
        report: Report = import_module(self.module).study(**options)
        return report


STUDIES = (
    Study("figure3", "Figure 3: optimal assignments of both sets of utilities; exact.", {}),
    Study(
        "table1",
        "Table 1: the gaps of JLMU and SLTA beside the paper's, and three planted misreadings.",
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
        "Fluid limit of eq. (10) beside simulated paths, from an empty and a badly balanced start.",
        {"processes": 0},
    ),
    Study(
        "learning",
        "Learning of r: from empty, through load steps, without a class, and for several β.",
        {"seeds": 8, "processes": 0},
    ),
)


def add_command(app: typer.Typer, study: Study) -> None:
    """Register a command with the study's options."""

    def command(
        *,
        out: Out = None,
        figures: Figures = None,
        json: JsonFile = None,
        **options: Any,  # noqa: ANN401 - as `study` takes them
    ) -> None:
        try:
            report = study.run(**options)
        except UnsuitableError as error:
            raise typer.BadParameter(str(error)) from None
        with in_one_line():
            emit(report, out, figures or out, json)

    own = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=OPTIONS[name])
        for name, default in study.options.items()
    ]
    written = inspect.signature(command, eval_str=True).parameters
    # typer derives options from a signature; this one lists the study's `options`.
    command.__signature__ = inspect.Signature([*own, *(written[name] for name in ("out", "figures", "json"))])  # type: ignore[attr-defined]
    app.command(study.name, help=study.summary)(command)


def emit(report: Report, out: Path | None, figures: Path | None, json: Path | None) -> None:
    """Print the tables, and write the requested files."""
    from slta_experiments.study_report import write_figures, write_json  # noqa: PLC0415 - imports matplotlib

    with text_beside(json):
        typer.echo(report.markdown)
    if out:
        out.mkdir(parents=True, exist_ok=True)
    files = [file for file in (out and out / f"{report.name}.json", json) if file]
    written = [path for file in files for path in write_json(report.data, file)]
    for file in [*written, *(write_figures(report, figures) if figures else ())]:
        typer.echo(f"wrote {file}", err=True)


def command_line(studies: Sequence[Study], description: str, results: Path) -> typer.Typer:
    """Command line with a command for each study, and `all`."""
    app = typer.Typer(help=description, no_args_is_help=True, add_completion=False)
    for study in studies:
        add_command(app, study)

    @app.command("all")
    def everything(
        out: Annotated[Path, typer.Option(help="Directory for the numbers.")] = results,
        figures: Annotated[Path, typer.Option(help="Directory for the figures.")] = FIGURES,
        processes: Processes = 0,
    ) -> None:
        """Run all studies with the seeds of the committed results (minutes on one core)."""
        command = typer.main.get_command(app)
        for study in studies:
            words = [study.name, "--out", str(out), "--figures", str(figures), *study.committed]
            if "processes" in study.options:
                words += ["--processes", str(processes)]
            command.main(words, standalone_mode=False)

    return app


app = command_line(STUDIES, "Reproduce the paper's tables and figures by simulation.", RESULTS)

if __name__ == "__main__":
    sys.exit(app())
