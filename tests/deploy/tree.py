"""A copy of what a distribution is made of, and its wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients/python"
FOLDERS = ("clients", "demo", "examples", "experiments", "integrations", "loadgen", "planning", "service")
PARTS = ("LICENSE", "README.md", "pyproject.toml", "setup.py", *FOLDERS)
"""What a wheel is built from."""


def copy_of_the_tree(folder: Path, parts: Iterable[str] = PARTS) -> Path:
    """The parts in a folder of their own, without what was generated."""
    folder.mkdir(parents=True)
    for part in parts:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / part, folder / part)
    return folder


def build_wheel(folder: Path, source: Path | None = None) -> Path:
    """A wheel, by default of the tree, built without an index from a copy."""
    tree, built = folder / "tree", folder / "built"
    if source is None:
        copy_of_the_tree(tree)
    else:
        shutil.copytree(source, tree, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(tree)], check=True)
    (wheel,) = built.glob("*.whl")
    return wheel
