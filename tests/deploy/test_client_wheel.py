"""The wheel of the client library is complete, small and typed, and installs nothing of the service."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slta import release
from tests.deploy.test_installing import run
from tests.deploy.tree import CLIENT, ROOT, build_wheel
from tests.docs.pages import Page
from tests.in_process import TINY
from tests.service_process import ServiceProcess

EXAMPLES = Page(ROOT / "docs/client.md").blocks("python")
NEEDED = {"anyio", "certifi", "h11", "httpcore", "httpx", "idna", "slta-client"}
"""httpx, what httpx needs, and the client."""
BACKPORTS = {"typing-extensions", "sniffio"}
"""What some versions of anyio need on some Pythons."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("client"), CLIENT)


def test_it_has_every_module_its_types_and_the_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        (licence,) = (name for name in names if name.endswith("/LICENSE"))
        assert opened.read(licence) == (ROOT / "LICENSE").read_bytes()
    modules = {f"slta_client/{path.name}" for path in (CLIENT / "slta_client").glob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == modules | {"slta_client/py.typed"}
    assert wheel.name == f"slta_client-{release()}-py3-none-any.whl"


def test_it_works_and_counts_nothing_without_prometheus_client(wheel: Path) -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None; import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: None if name == 'prometheus_client' else find(name);"
        f"sys.path.insert(0, {str(wheel)!r}); from slta_client import Client, metrics; print(metrics._COUNTERS);"
        "metrics.count('calls', 'assign', 'ok'); Client('http://localhost', 'f').close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "{}\n"), done.stderr


@pytest.mark.install
def test_in_an_environment_of_its_own_the_examples_run_and_pass_mypy_strict(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "env/bin/python"
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    run(python, "-m", "pip", "--quiet", "install", wheel, cwd=tmp_path)
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json", cwd=tmp_path))
    installed = {package["name"].replace("_", "-") for package in listed} - {"pip", "setuptools"}
    assert NEEDED <= installed <= NEEDED | BACKPORTS
    with ServiceProcess(tmp_path) as service:
        service.call("PUT", "/v1/fleets/tiny", TINY)
        for number, example in enumerate(EXAMPLES):
            text = example.replace("http://127.0.0.1:8080", service.url)
            (tmp_path / f"example_{number}.py").write_text(text, encoding="utf-8")
            assert " None" in run(python, f"example_{number}.py", cwd=tmp_path)
    run(python, "-m", "pip", "--quiet", "install", "mypy", cwd=tmp_path)
    assert "Success" in run(python, "-m", "mypy", "--strict", "example_0.py", "example_1.py", cwd=tmp_path)
