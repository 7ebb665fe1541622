"""Options that several commands have: a fleet file, and a file of figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slta.cli.streams import existing_input, file_to_write

FleetFile = Annotated[
    Path, typer.Argument(metavar="FLEET_FILE", callback=existing_input, help="Fleet file (-: standard input).")
]
OptionalFleetFile = Annotated[Path | None, typer.Argument(metavar="[FLEET_FILE]", help="Fleet file.")]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", callback=file_to_write, help="Write the figures to this JSON file (-: standard output)."),
]
