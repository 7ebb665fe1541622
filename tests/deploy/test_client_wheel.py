"""The wheel of the client library is complete, small and typed, and installs nothing of the service."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slta import release
from testbed.in_process import TINY
from testbed.service_process import ServiceProcess
from tests.deploy.test_installing import run
from tests.deploy.tree import CLIENT, ROOT, build_wheel
from tests.docs.pages import Page

PAGE_EXAMPLES = Page(ROOT / "docs/client.md").blocks("python")[:2]
EXAMPLES = ROOT / "examples/client"
NEEDED = {"aiohappyeyeballs", "aiohttp", "aiosignal", "attrs", "frozenlist", "idna", "multidict", "propcache", "yarl"}
NEEDED |= {"slta-client"}
"""aiohttp, what aiohttp needs, and the client."""
BACKPORTS = {"attr", "typing-extensions"}
"""What aiohttp needs on some Pythons, and the module of attrs."""
IMPORTS = """
import sys
from importlib.metadata import requires
before = set(sys.modules)
import slta_client
print(*requires("slta-client"))
found = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(*{name for name in found if "cython" not in name})  # what C extensions share is no package
"""
"""Prints what the distribution requires, and the packages that its import imports."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("client"), CLIENT)


def test_its_build_leaves_nothing_in_the_checkout(wheel: Path) -> None:
    left = {path.name for path in (wheel.parents[1] / "tree").iterdir()}
    assert left == {"LICENSE", "README.md", "pyproject.toml", "setup.py", "slta_client"}


def test_it_has_every_module_its_types_and_the_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        (licence,) = (name for name in names if name.endswith("/LICENSE"))
        assert opened.read(licence) == (ROOT / "LICENSE").read_bytes()
    modules = {f"slta_client/{path.name}" for path in (CLIENT / "slta_client").glob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == modules | {"slta_client/py.typed"}
    assert wheel.name == f"slta_client-{release()}-py3-none-any.whl"


def test_its_modules_import_aiohttp_and_nothing_else_that_is_not_of_python() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (CLIENT / "slta_client").glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    outside = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"slta_client"}
    assert outside == {"aiohttp", "prometheus_client"}  # the latter only if it is importable


def test_it_works_and_counts_nothing_without_prometheus_client(wheel: Path) -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None; import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: None if name == 'prometheus_client' else find(name);"
        f"sys.path.insert(0, {str(wheel)!r}); from slta_client import Client, metrics; print(metrics._COUNTERS);"
        "metrics.count('calls', 'assign', 'ok'); Client('http://localhost', 'f').close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "{}\n"), done.stderr


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment with nothing but the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("env")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(folder / "bin/python", "-m", "pip", "--quiet", "install", wheel, cwd=folder)
    return folder / "bin/python"


@pytest.mark.install
def test_it_requires_aiohttp_and_installs_and_imports_no_more_than_aiohttp_needs(python: Path, tmp_path: Path) -> None:
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json", cwd=tmp_path))
    installed = {package["name"].replace("_", "-") for package in listed} - {"pip", "setuptools"}
    assert NEEDED <= installed <= NEEDED | BACKPORTS
    requires, *imported = run(python, "-c", IMPORTS, cwd=tmp_path).split()
    assert requires.startswith("aiohttp")
    assert {"aiohttp", "slta-client"} <= {name.replace("_", "-") for name in imported} <= NEEDED | BACKPORTS


@pytest.mark.install
def test_in_an_environment_of_its_own_the_examples_run_and_pass_mypy_strict(python: Path, tmp_path: Path) -> None:
    run(python, "-m", "pip", "--quiet", "install", "mypy", "httpx", cwd=tmp_path)
    scripts = [f"example_{number}.py" for number in range(len(PAGE_EXAMPLES))]
    with ServiceProcess(tmp_path) as service:
        service.call("PUT", "/v1/fleets/tiny", TINY)
        for script, example in zip(scripts, PAGE_EXAMPLES, strict=True):
            text = example.replace("http://127.0.0.1:8080", service.url)
            (tmp_path / script).write_text(text, encoding="utf-8")
            assert " None" in run(python, script, cwd=tmp_path)
        study = (EXAMPLES / "study.py").read_text(encoding="utf-8").replace("http://127.0.0.1:8080", service.url)
        (tmp_path / "study.py").write_text(study, encoding="utf-8")
        assert "gap" in run(python, "study.py", cwd=tmp_path)
    checked: tuple[str | Path, ...] = (*scripts, "study.py", EXAMPLES / "matchmaker.py")
    assert "Success" in run(python, "-m", "mypy", "--strict", *checked, cwd=tmp_path)
