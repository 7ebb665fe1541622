"""Progress of commands that take more than two seconds."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, ProgressColumn


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Progress bar on standard error, if that is a terminal; removed at the end. `columns` besides the usual."""
    console = Console(stderr=True)
    usual = Progress.get_default_columns()
    return Progress(*usual, *columns, console=console, transient=True, disable=not console.is_terminal)
