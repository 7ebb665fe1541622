"""`-` as a file's name: standard input where a command reads, standard output where it writes JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import typer

STANDARD = Path("-")
STANDARD_INPUT = Path("/dev/stdin")


def standard_input(path: Path | None) -> Path | None:
    """Callback of a file to read."""
    return STANDARD_INPUT if path == STANDARD else path


def refuse_both_standard(first: Path | None, second: Path | None, names: str) -> None:
    """A usage error if two files are standard input, which is read once; `names` are the two arguments."""
    if first == second == STANDARD_INPUT:
        raise typer.BadParameter(f"only one of {names} can be -, standard input")


def existing_input(path: Path) -> Path:
    """Callback of a file to read; a usage error if there is none of this name."""
    found = standard_input(path) or path
    if found.is_dir() or not found.exists():
        raise typer.BadParameter(f"file '{path}' {'is a directory' if found.is_dir() else 'does not exist'}.")
    return found


def file_to_write(path: Path | None) -> Path | None:
    """Callback of a file to write; a usage error, before any work, if it is a directory or its own does not exist."""
    if path and not path.parent.is_dir():
        raise typer.BadParameter(f"no such directory: {path.parent}")
    if path and path.is_dir():
        raise typer.BadParameter(f"{path}: is a directory")
    return path


def named_file_to_write(path: Path | None) -> Path | None:
    """As `file_to_write`, for files other than JSON: a usage error for `-`."""
    if path == STANDARD:
        raise typer.BadParameter("only JSON is written to -, standard output")
    return file_to_write(path)


def text_beside(json_file: Path | None) -> AbstractContextManager[Any]:
    """Within it, text goes to standard error where JSON goes to standard output."""
    return redirect_stdout(sys.stderr) if json_file == STANDARD else nullcontext()


def deliver(text: str, data: Any, json_file: Path | None) -> list[Path]:  # noqa: ANN401 - JSON
    """Print the text, and write the figures if JSON is wanted; the files written. Raises OSError, which names one."""
    with text_beside(json_file):
        typer.echo(text)
    return write_json(data, json_file) if json_file else []


def write_json(data: Any, file: Path) -> list[Path]:  # noqa: ANN401 - JSON
    """Write figures with all their digits; the files written, none for standard output.

    Raises OSError, which names the file.
    """
    return write_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False), file)


def write_text(text: str, file: Path) -> list[Path]:
    """The same for text that is JSON already."""
    if file == STANDARD:
        typer.echo(text)
        return []
    with file_named(file):
        file.write_text(text + "\n", encoding="utf-8")
    return [file]


@contextmanager
def file_named(file: Path) -> Iterator[None]:
    """Add this file's name to write errors that have none, such as a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
