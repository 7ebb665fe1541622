"""Plants one mistake in a copy of the tree and runs the tests that must notice it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("service", "clients", "tests", "lab", "loadgen", "demo", "integrations", "deploy", "planning", "experiments")
COPIED = (*FOLDERS, "examples", "docker-compose.yml", "pyproject.toml")
ROOTS = ("", "service", "loadgen", "demo", "integrations", "planning", "experiments", "clients/python")


class Mutant(NamedTuple):
    """In `file` the text `right`, which is there exactly once, becomes `wrong`; one of `tests` must then fail."""

    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


def python(package: str, room: str, module: str, right: str, wrong: str, test: str) -> Mutant:
    """A mistake in a module of a package, and the file of tests/<room> that notices it."""
    return Mutant(f"{package}/{module}.py", right, wrong, (f"tests/{room}/test_{test}.py",))


def lua_file(module: str) -> str:
    """Where a module of the Lua library is."""
    [file] = (ROOT / "service/slta/store/lua").rglob(f"{module}.lua")
    return str(file.relative_to(ROOT))


def times_found(mutant: Mutant) -> int:
    """How often the right text is in its file now."""
    return (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.right)


def plant(mutant: Mutant, folder: Path) -> None:
    """A copy of the tree in `folder`, with the mistake."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, folder / name)
    place = folder / mutant.file
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")


def run_tests(mutant: Mutant, folder: Path, *, slow: bool = False) -> str | None:
    """The name of the first test that fails in the copy, None when all pass; RuntimeError when none could be run."""
    options = ["-n", "0", "-x", "-q", "--tb=no", "--timeout", "60", "-p", "no:cacheprovider"]
    options += ["-m", "not campaign"] if slow else []
    command = [sys.executable, "-m", "pytest", "--no-cov", *options, *mutant.tests]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(folder / root) for root in ROOTS),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout + done.stderr)
    return next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), None)
