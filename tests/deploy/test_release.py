"""A release is whole: chart and overlay make the same objects, sources make the wheels, checksums name all files."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import release
from tests.deploy.manifests import FOLDER, OVERLAY
from tests.deploy.tree import PARTS, build_wheel, copy_of_the_tree

FLEET = (FOLDER / OVERLAY / "fleet.yaml").read_text(encoding="utf-8")
STORE = yaml.safe_load((FOLDER / OVERLAY / "store-egress.yaml").read_text(encoding="utf-8"))
REQUIRED = {"image": "registry.example.org/slta", "fleet": FLEET, "storeEgress": STORE["spec"]["egress"]}
OF_MONITORING = {"PrometheusRule", "ServiceMonitor", "slta-dashboard", "slta-from-prometheus"}
"""Kinds and names."""


@pytest.fixture(scope="module", autouse=True)
def _time_of_the_commit() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        yield


def test_the_checksums_name_every_file_and_fit_it(tmp_path: Path) -> None:
    for name in ("b.whl", "a.tar.gz"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    for _ in range(2):  # the second time, beside the first one's file
        release.checksums(tmp_path)
    command = ["sha256sum", "--check", "--strict", release.CHECKSUMS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["a.tar.gz: OK", "b.whl: OK"]


def objects(text: str) -> dict[tuple[str, str], Any]:
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


@pytest.fixture
def of_the_overlay() -> dict[tuple[str, str], Any]:
    """The overlay's objects without the Namespace and the fleet's suffix."""
    found = objects(re.sub(r"(?<=name: slta-fleet)-\w+", "", release.kustomize(FOLDER / OVERLAY)))
    del found["Namespace", "slta"]
    return found


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], str]]:
    """What Helm makes of the chart with values."""
    from helm_python import Chart

    folder = tmp_path_factory.mktemp("chart")
    release.chart(copy_of_the_tree(folder / "tree", ["deploy"]), folder)
    with Chart.load(next(folder.glob("*.tgz"))) as chart:
        yield lambda values: "".join(chart.render(values, namespace="slta").values())


@pytest.mark.install
def test_the_chart_makes_the_objects_of_the_overlay(rendered: Any, of_the_overlay: Any) -> None:
    made = objects(rendered(REQUIRED))
    assert set(made["Deployment", "slta"]["spec"]["template"]["metadata"].pop("annotations")) == {"checksum/fleet"}
    assert made == of_the_overlay


@pytest.mark.install
def test_the_chart_without_monitoring_has_nothing_of_it(rendered: Any, of_the_overlay: Any) -> None:
    made = objects(rendered(REQUIRED | {"monitoring": False}))
    assert made.keys() == {key for key in of_the_overlay if not OF_MONITORING & set(key)}


@pytest.mark.install
@pytest.mark.parametrize("name", REQUIRED)
def test_the_chart_says_which_required_value_is_missing(rendered: Any, name: str) -> None:
    with pytest.raises(Exception, match=f"{name} is missing"):
        rendered({key: value for key, value in REQUIRED.items() if key != name})


@pytest.mark.install
def test_a_second_build_makes_equal_files_and_a_wheel_has_all_that_one_from_the_tree_has(tmp_path: Path) -> None:
    builds = []
    for name in ("first", "second"):
        tree = copy_of_the_tree(tmp_path / name, [*PARTS, "MANIFEST.in", "deploy", "requirements.txt"])
        release.distributions(tree, tmp_path)
        release.chart(tree, tmp_path)
        builds.append({path.name: path.read_bytes() for path in tmp_path.glob("slta*")})
    assert builds[0] == builds[1]
    assert len(builds[0]) == 6  # two wheels, their sources, requirements, a chart
    of_the_tree = build_wheel(tmp_path)
    with zipfile.ZipFile(of_the_tree) as one, zipfile.ZipFile(tmp_path / of_the_tree.name) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
