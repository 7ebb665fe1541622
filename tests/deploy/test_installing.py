"""Each way of installing that needs no container engine, from nothing to a placed session; each prints its times."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from testbed.awaiting import until_answered
from testbed.processes import Process
from testbed.servers import free_port
from tests.deploy.tree import PARTS, ROOT, build_wheel, copy_of_the_tree

pytestmark = pytest.mark.install

DEMO = ["--pools", "8", "--load-per-pool", "3", "--duration", "3", "--mean-holding", "0.5", "--json", "out.json"]
LOCKED = ("requirements.txt", "requirements-dev.txt", "Makefile")


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s")


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLTA_", "PYTHON", "VIRTUAL"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def place(command: list[str | Path], folder: Path) -> None:
    """Start the service with an example, and place a session."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["serve", "--port", str(port), str(ROOT / "examples/paper.yaml")]
    environment = os.environ | {"SLTA_AUTH": "false"}
    with Process(*command, *options, cwd=folder, env=environment):
        until_answered(f"{url}/readyz")
        placed = httpx.post(f"{url}/v1/fleets/default/assign")
    assert (placed.status_code, placed.json()["pool_class"]) == (201, "large")


def sessions_of_a_demo(folder: Path) -> int:
    return int(json.loads((folder / "out.json").read_text(encoding="utf-8"))["arrivals"])


def test_a_checkout(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path / "checkout", [*PARTS, *LOCKED])
    with timed("checkout: make demo, from nothing"):
        run("make", f"PYTHON={sys.executable}", "demo", f"ARGS={' '.join(DEMO)}", cwd=tree)
    assert sessions_of_a_demo(tree) > 0
    with timed("checkout: serve and place"):
        place([tree / ".venv/bin/slta"], tree)


def test_a_wheel_in_an_environment_of_its_own(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    with timed("wheel: environment and packages, by hash"):
        run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
        shutil.copyfile(ROOT / "requirements.txt", tmp_path / "requirements.txt")
        pip: list[str | Path] = [tmp_path / "env/bin/python", "-m", "pip", "--quiet", "install", "--no-deps"]
        run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt", cwd=tmp_path)
        run(*pip, wheel, cwd=tmp_path)
    slta = tmp_path / "env/bin/slta"
    with timed("wheel: serve and place"):
        place([slta], tmp_path)
    with timed("wheel: slta demo"):
        run(slta, "demo", *DEMO, cwd=tmp_path)
    assert sessions_of_a_demo(tmp_path) > 0


def test_a_bare_wheel_serves_and_says_what_its_demonstration_needs(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    with timed("bare wheel: environment and packages"):
        run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
        run(tmp_path / "env/bin/python", "-m", "pip", "--quiet", "install", wheel, cwd=tmp_path)
    slta = tmp_path / "env/bin/slta"
    place([slta], tmp_path)
    refused = subprocess.run([str(slta), "demo"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert f"pip install '{wheel.name}[load]'" in refused.stderr
    with timed("bare wheel: the extra load"):
        run(tmp_path / "env/bin/python", "-m", "pip", "--quiet", "install", f"{wheel}[load]", cwd=tmp_path)
    run(slta, "demo", *DEMO, cwd=tmp_path)
    assert sessions_of_a_demo(tmp_path) > 0
