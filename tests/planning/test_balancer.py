"""The log of a real balancer loses what the clients' own record of the same sessions loses."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
import zoneinfo
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab.benchmarks.running import require
from slta.fleet_file import compile_spec, load_yaml
from slta_planning.evaluate.command import app
from tests.docs.pages import ROOT, Page
from tests.planning.balancer import (
    BALANCERS,
    FLEET,
    LOOK_UP,
    MAPS,
    POOLS,
    REQUESTS,
    SERVERS,
    CopyTruncate,
    Load,
    Proxy,
    named_servers,
    record,
    through,
)
from tests.planning.commands import called, figures_of
from tests.planning.recorded import Session, means

LOAD = Load(seconds=6.0, mean_seconds=1.5)


def evaluated(log: Path, folder: Path, *options: str) -> Any:
    cut = "--warm-up", "1", "--cool-down", "1"
    return figures_of(app, folder, log, folder / "fleet.yaml", *cut, *options)


def sessions_of(record: Path) -> list[Session]:
    rows = [line.split(",") for line in record.read_text(encoding="utf-8").splitlines()[1:]]
    return [Session(float(start), float(start) + float(duration), pool) for start, duration, pool in rows]


def needing(*names: str) -> list[Any]:
    """Parameters that are skipped without their program."""
    return [pytest.param(name, marks=pytest.mark.needs(name.partition("-")[0])) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("balancer", needing(*BALANCERS))
def test_the_log_of_a_real_balancer_lost_what_its_pools_saw(balancer: str, tmp_path: Path) -> None:
    load = Load(8.0, 2.0, tls=True) if balancer.endswith("tls") else LOAD  # handshakes are much work for the clients
    seen = evaluated(asyncio.run(record(tmp_path, balancer, load)), tmp_path)
    sessions = sessions_of(tmp_path / "pools.csv")
    spec = compile_spec(load_yaml(tmp_path / "fleet.yaml").file)
    window = seen["window"]
    expected = means(spec, POOLS, sessions, window["from_s"], window["to_s"])

    lines, recorded = seen["lines"], seen["recorded"]
    lost = (expected.optimum - expected.utility) / seen["bound"]
    assert lines["read"] == len(sessions_of(tmp_path / "client.csv"))
    assert lines["read"] - lines["not_placed"] == seen["sessions"] == len(sessions)
    assert (lines["not_placed"] > 10) == balancer.endswith("refused")
    assert (lines["waited"] > 20) == balancer.endswith(("queue", "tcp", "tls"))
    # A pool on a busy machine hears of a connection later than the balancer; on a quiet one gaps agree within 0.0002.
    assert seen["mean_sessions"] == pytest.approx(expected.sessions, rel=0.03)
    assert recorded["utility"] == pytest.approx(expected.utility, rel=0.03)
    assert recorded["utility_optimum"] == pytest.approx(expected.optimum, rel=0.03)
    assert recorded["relative_placement_gap"] == pytest.approx(lost, abs=0.005)
    assert seen["policies"]["slta"]["relative_placement_gap"] < lost


@pytest.mark.slow
@pytest.mark.needs("haproxy")
def test_keep_alive_requests_are_refused_and_put_together_by_their_cookie(tmp_path: Path) -> None:
    log = asyncio.run(record(tmp_path, through(REQUESTS), LOAD._replace(requests=5)))
    refused = called(app, log, tmp_path / "fleet.yaml")
    assert (refused.exit_code, "the lines seem to be requests" in refused.output) == (2, True)
    seen, clients = evaluated(log, tmp_path, "--gap", "1"), evaluated(tmp_path / "client.csv", tmp_path)
    assert seen["sessions"] == clients["sessions"] < seen["lines"]["read"] / 4
    assert seen["mean_sessions"] == pytest.approx(clients["mean_sessions"], rel=0.03)
    lost = clients["recorded"]["relative_placement_gap"]
    assert [one["relative_placement_gap"] for one in seen["by_gap"]] == pytest.approx([lost] * 3, abs=0.005)


def clock_that_goes_back(folder: Path, at: int) -> str:
    """A time zone whose summer ends then, with a full minute of its own; its name."""
    offset = -at % 60
    when = datetime.fromtimestamp(at + offset + 3600, UTC)
    rules = ["Rule T 2000 only - Mar 1 0:00 1:00 S", f"Rule T {when:%Y} only - {when:%b %d %H:%M} 0 T"]
    rules += [f"Zone Summer/Ends 0:00:{offset:02} T XX%s", ""]
    (folder / "rules").write_text("\n".join(rules), encoding="utf-8")
    subprocess.run([require("zic"), "-d", folder, folder / "rules"], check=True)
    return "Summer/Ends"


@pytest.mark.slow
@pytest.mark.needs("haproxy", "zic")
def test_a_balancer_whose_clock_goes_back_an_hour_lost_what_its_pools_saw(tmp_path: Path) -> None:
    name = clock_that_goes_back(tmp_path, int(time.time() + LOAD.seconds / 2) + 2)
    proxy = Proxy(environment={"TZ": f":{tmp_path / name}"})
    log = asyncio.run(record(tmp_path, through(proxy), LOAD))
    try:
        zoneinfo.reset_tzpath(to=[tmp_path])
        seen, truth = evaluated(log, tmp_path, "--timezone", name), evaluated(tmp_path / "pools.csv", tmp_path)
    finally:
        zoneinfo.reset_tzpath()
    assert 20 < seen["lines"]["second_hour"] < seen["lines"]["read"]
    assert seen["window"]["from_s"] == pytest.approx(truth["window"]["from_s"], abs=1)
    for figure, most in (("relative_placement_gap", 0.005), ("relative_swing_gap", 0.001)):
        assert seen["recorded"][figure] == pytest.approx(truth["recorded"][figure], abs=most)


@pytest.mark.slow
@pytest.mark.parametrize("balancer", needing("haproxy-http", "nginx"))
def test_a_log_that_was_copied_and_truncated_is_whole_with_its_copy(balancer: str, tmp_path: Path) -> None:
    log = asyncio.run(record(tmp_path, balancer, LOAD, CopyTruncate(tmp_path)))
    both, copy = tmp_path / "both.log", Path(f"{log}.1").read_bytes()
    both.write_bytes(copy + log.read_bytes())
    seen, truth = evaluated(both, tmp_path), evaluated(tmp_path / "pools.csv", tmp_path)
    assert copy.count(b"\n") > 50 < seen["sessions"] - copy.count(b"\n")
    assert (seen["lines"]["bad"], seen["sessions"]) == (0, pytest.approx(truth["sessions"], abs=3))
    lost = truth["recorded"]["relative_placement_gap"]
    assert seen["recorded"]["relative_placement_gap"] == pytest.approx(lost, abs=0.005)


@pytest.mark.slow
@pytest.mark.needs("haproxy")
def test_a_logger_that_stopped_is_told(tmp_path: Path) -> None:
    log = asyncio.run(record(tmp_path, "haproxy-http", LOAD))
    lines = log.read_text(encoding="utf-8").splitlines()  # in order of their ends
    log.write_text("\n".join(lines[: len(lines) // 3] + lines[2 * len(lines) // 3 :]), encoding="utf-8")
    refused = called(app, log, tmp_path / "fleet.yaml", "--warm-up", "1", "--cool-down", "1")
    assert (refused.exit_code, "the log has 1 hole" in refused.output) == (2, True)


@pytest.mark.slow
@pytest.mark.needs("haproxy")
def test_servers_with_names_of_their_own_are_mapped_in_the_log_and_by_the_balancer(tmp_path: Path) -> None:
    log = asyncio.run(record(tmp_path, named_servers(), LOAD))
    fleet, map_file = tmp_path / "fleet.yaml", tmp_path / "pools.map"
    refused = called(app, log, fleet)
    assert r"map them with --map 'srv-(\d+)=CLASS'" in refused.output
    by_server = figures_of(app, tmp_path, log, fleet, "--backend", "pools", *MAPS, "--map-file", map_file)
    by_pool = evaluated(tmp_path / "client.csv", tmp_path)  # the pools name themselves
    assert by_server["pools"] == by_pool["pools"] == POOLS
    assert by_server["sessions"] == pytest.approx(by_pool["sessions"], rel=0.02)
    assert map_file.read_text(encoding="utf-8").splitlines() == [f"{name} {pool}" for pool, name in SERVERS.items()]

    swapped = dict(zip(SERVERS.values(), reversed(SERVERS), strict=True))  # not what the pools say of themselves
    map_file.write_text("".join(f"{name} {pool}\n" for name, pool in swapped.items()), encoding="utf-8")
    log = asyncio.run(record(tmp_path, named_servers(map_file), Load(seconds=2.0, mean_seconds=0.5)))
    servers = re.findall(r" pools/(\S+) ", log.read_text(encoding="utf-8"))
    pools = Counter(session.pool for session in sessions_of(tmp_path / "client.csv"))
    logged = Counter(swapped[server] for server in servers)  # on a busy machine the last lines may come too late
    assert not logged - pools
    assert logged.total() > pools.total() / 2


def test_the_line_of_the_page_that_looks_a_pool_up_is_the_one_that_haproxy_is_run_with() -> None:
    assert LOOK_UP.format("/etc/haproxy/pools.map").lower() in Page(ROOT / "docs/observe.md").text.lower()


def test_the_fleet_file_has_the_pools_that_are_started() -> None:
    found = re.findall(r"name: (\w+),.* pools: (\d+)", FLEET)
    assert {name: int(count) for name, count in found} == POOLS


def test_the_log_format_of_the_page_is_the_one_that_nginx_is_run_with() -> None:
    block = Page(ROOT / "docs/evaluate.md").blocks("nginx")[0]
    configuration = (ROOT / "tests/planning/balancer-nginx.conf").read_text(encoding="utf-8")
    for line in (line.strip() for line in block.splitlines()):
        if line.startswith(("log_format", "map")):
            assert line in configuration
