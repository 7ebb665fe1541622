"""A wheel has what the command needs, and the image says what it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from slta import release
from tests.deploy.tree import CLIENT, ROOT, build_wheel

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {
    path.parent.name: path.parent for root in (ROOT, CLIENT.parent) for path in root.glob("*/slta*/__init__.py")
}
"""Import packages by name."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build_wheel(folder)) as wheel:
        wheel.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.slow
def test_it_has_a_copy_of_the_example_fleets(unpacked: Path) -> None:
    copies = {path.name: path.read_bytes() for path in (unpacked / "slta_demo/examples").iterdir()}
    assert copies == {path.name: path.read_bytes() for path in (ROOT / "examples").glob("*.yaml")}


def test_it_installs_only_names_that_begin_with_slta_and_each_has_types(unpacked: Path) -> None:
    installed = {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"}
    assert installed == PACKAGES.keys()
    assert [name for name in installed if not name.startswith("slta")] == []
    assert [package for package in PACKAGES if not (unpacked / package / "py.typed").is_file()] == []


def test_it_has_every_file_that_the_service_reads(unpacked: Path) -> None:
    wanted = [
        path.relative_to(folder.parent) for folder in PACKAGES.values() for path in folder.rglob("*") if path.is_file()
    ]
    assert [path for path in wanted if "__pycache__" not in path.parts and not (unpacked / path).is_file()] == []


def test_its_metadata_has_a_homepage(unpacked: Path) -> None:
    [metadata] = unpacked.glob("*.dist-info/METADATA")
    assert "\nProject-URL: Homepage, https://" in metadata.read_text(encoding="utf-8")


def test_the_command_runs_beside_foreign_packages_of_common_names(unpacked: Path, tmp_path: Path) -> None:
    for name in ("service", "demo", "integrations", "loadgen", "planning", "experiments"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('a foreign package')\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(unpacked)])}
    command = [sys.executable, "-m", "slta.cli", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"slta {release()}\n")


@pytest.mark.slow
def test_its_demonstration_finds_its_example(unpacked: Path, tmp_path: Path) -> None:
    options = ["--pools", "8", "--load-per-pool", "3", "--duration", "2", "--mean-holding", "0.5", "--json", "out.json"]
    command = [sys.executable, "-m", "slta.cli", "demo", *options]
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["fleet"] == "saturating"


def test_the_image_says_what_it_is() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', text))
    assert labels["version"] == PROJECT["version"] == release()
    assert labels["licenses"] == PROJECT["license"]
    assert labels["title"] == PROJECT["name"]
    bases = re.findall(r"^FROM (\S+)$", text, re.MULTILINE)
    assert labels["base.name"] == f"docker.io/library/{bases[-1]}"
    assert labels["revision"] == "$REVISION"
