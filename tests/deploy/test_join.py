"""deploy/cluster/join.sh against programs that stand in for redis-cli and the name service: a node more or less."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from testbed.awaiting import until
from testbed.processes import Process
from tests.deploy.test_files import NODES, ROOT

REDIS_CLI = """#!/bin/bash
words="$*"
echo "$words" >> calls
[[ $words == *"--cluster create"* ]] && exit
node=$(sed 's/.*-h \\([^ ]*\\) .*/\\1/' <<< "$words")
grep -qx "$node" away && { echo "Could not connect"; exit 1; }
case $words in
    *"cluster info") cat info ;;
    *"cluster nodes") cat nodes ;;
esac
"""
GETENT = '#!/bin/bash\nn=${2#redis}\necho "10.0.0.${n#-} STREAM $2"\n'
NAMES = sorted(NODES, key=lambda name: (len(name), name))
PLACES = {name: f"10.0.0.{name.removeprefix('redis').removeprefix('-')}" for name in NAMES}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Runs the script until a call of redis-cli ends so, with these nodes away; all but `redis-4` know each other."""
    for name, text in {"redis-cli": REDIS_CLI, "getent": GETENT, "sleep": "#!/bin/sh\nexec /bin/sleep 0.01\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    known = [f"id {PLACES[name]}:6379@16379 master" for name in NAMES if name != "redis-4"]
    (tmp_path / "nodes").write_text("\n".join(known) + "\nid 10.0.0.99:6379@16379 myself,master\n", encoding="utf-8")
    script = (ROOT / "deploy/cluster/join.sh").read_text(encoding="utf-8").replace("/run/secrets/", "")
    (tmp_path / "replication.conf").write_text("masterauth secret\n", encoding="utf-8")

    def run(expected: str, slots: int, away: str) -> None:
        (tmp_path / "info").write_text(f"cluster_slots_assigned:{slots}\n", encoding="utf-8")
        (tmp_path / "away").write_text(away + "\n", encoding="utf-8")
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        with Process("bash", "-c", script, cwd=tmp_path, env=environment):
            until(partial(_has_line, tmp_path / "calls", expected))

    return run


def _has_line(calls: Path, end: str) -> bool:
    return calls.exists() and any(line.endswith(end) for line in calls.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(("away", "asked"), [("", "redis"), ("redis", "redis-2")])
def test_the_first_node_that_answers_meets_one_that_it_does_not_know(
    run: Callable[..., None], tmp_path: Path, away: str, asked: str
) -> None:
    run(f"-h {asked} cluster meet {PLACES['redis-4']} 6379", 16384, away)
    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    assert calls.count("cluster meet") == calls.count(f"cluster meet {PLACES['redis-4']} ")
    assert "--cluster create" not in calls


def test_a_cluster_is_formed_of_nodes_that_have_no_slots(run: Callable[..., None]) -> None:
    places = " ".join(f"{place}:6379" for place in PLACES.values())
    run(f"--cluster create {places} --cluster-replicas 1 --cluster-yes", 0, "")
