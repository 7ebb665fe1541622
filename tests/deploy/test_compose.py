"""`docker compose up`, for real: built, started, loaded, one replica killed, the store restarted, taken down."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import make_secrets
from slta import release
from testbed.certificates import certificate_in
from tests.deploy.composition import FILE, Stack, until
from tests.deploy.test_queries import ALERTS, RULES, metrics_of

pytestmark = pytest.mark.compose

SLTA = Path(sys.executable).parent / "slta"
KILLED_AFTER_SECONDS = 8
DISPATCHER_UP = '(up{job="slta",instance!="proxy:8080"} == 1)'


def test_every_service_runs_and_two_dispatchers_are_healthy(stack: Stack) -> None:
    assert len(stack.containers("dispatcher")) == 2
    for service in stack.services:
        for container in stack.containers(service):
            state = stack.inspect(container)["State"]
            assert state["Status"] == "running"
            assert state.get("Health", {}).get("Status", "healthy") == "healthy"


def test_containers_are_locked_down_and_listen_on_loopback_only(stack: Stack) -> None:
    for service in stack.services:
        found = stack.inspect(stack.containers(service)[0])
        host, config = found["HostConfig"], found["Config"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert not host["Privileged"]
        assert host["Memory"] > 0
        assert int(config["User"].split(":")[0]) > 0
        bindings = [binding for ports in (host["PortBindings"] or {}).values() for binding in ports]
        assert [binding for binding in bindings if binding["HostIp"] != "127.0.0.1"] == []
    assert int(stack.inspect(stack.containers("dispatcher")[0])["Config"]["User"].split(":")[0]) >= 10_000


@pytest.mark.parametrize("tool", ["pip", "pip3", "gcc", "cc", "g++", "make", "ld"])
def test_the_image_has_no_tool_to_build_or_fetch_with(stack: Stack, tool: str) -> None:
    container = stack.containers("dispatcher")[0]
    assert stack.engine.docker("exec", container, "bash", "-c", f"command -v {tool} || true") == ""


def test_the_image_has_neither_pip_nor_a_writable_place(stack: Stack) -> None:
    container = stack.containers("dispatcher")[0]
    search = "for name in ('pip', 'ensurepip', 'setuptools'): print(importlib.util.find_spec(name))"
    for python in ("python", "/usr/bin/env -i /usr/bin/python3"):
        code = f"import importlib.util\n{search}"
        found = stack.engine.docker("exec", container, *python.split(), "-c", code, check=False)
        assert set(found.split()) <= {"None"}
    touch = "for place in / /opt/slta /var/lib/slta /etc; do touch $place/x 2>/dev/null && echo $place; done; true"
    assert stack.engine.docker("exec", container, "bash", "-c", touch) == ""


def test_no_secret_is_in_the_image_or_in_a_log(stack: Stack) -> None:
    history = stack.engine.docker("history", "--no-trunc", FILE["services"]["dispatcher"]["image"])
    logs = stack.compose("logs", "--no-color")
    processes = "".join(stack.engine.docker("top", container) for container in stack.containers("dispatcher"))
    for name, secret in stack.secrets.items():
        for text in (history, logs, processes):
            assert secret not in text, name


def test_an_event_names_who_asked_the_proxy(stack: Stack) -> None:
    for change in ("drain", "undrain"):
        stack.call("POST", f"default/pools/small-1/{change}", "ADMIN_KEY")
    told = {event["address"] for event in stack.call("GET", "default/events", "ADMIN_KEY")["events"] if event["key_id"]}
    proxy = stack.inspect(stack.containers("proxy")[0])["NetworkSettings"]["Networks"].values()
    assert len(told) == 1
    assert not told & {network["IPAddress"] for network in proxy}


def test_a_container_with_tls_on_another_port_is_healthy(stack: Stack, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for file in certificate_in(tmp_path):
        file.chmod(0o644)
    settings = {"SLTA_HOST": "127.0.0.1", "SLTA_PORT": "9443", "SLTA_AUTH": "false"}
    settings |= {"SLTA_TLS_CERTIFICATE": "/tls/certificate.pem", "SLTA_TLS_KEY": "/tls/key.pem"}
    options = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    mount = ["--volume", f"{tmp_path}:/tls:ro", "--network", "none", "--detach", "--rm"]
    container = stack.engine.docker("run", *mount, *options, FILE["services"]["dispatcher"]["image"]).strip()
    try:
        until(lambda: stack.inspect(container)["State"]["Health"]["Status"] == "healthy", 60, "it is not healthy")
    finally:
        stack.engine.docker("kill", container)


def test_redis_refuses_who_has_no_password(stack: Stack) -> None:
    container = stack.containers("redis")[0]
    answer = stack.engine.docker("exec", container, "redis-cli", "hgetall", "{default}:fleet", check=False)
    assert "NOAUTH" in answer
    log = stack.redis_cli("operator", stack.secrets["OPERATOR_PASSWORD"], "acl", "log")
    assert "dispatcher" not in log, "the dispatcher asked for what it may not"


def test_prometheus_scrapes_both_dispatchers_and_the_fleets_once(stack: Stack) -> None:
    assert stack.prometheus.soon(f"count({DISPATCHER_UP}) == 2")
    assert stack.prometheus.soon('count(slta_aggregate_utility{job="slta",instance="proxy:8080"}) == 1')
    assert stack.prometheus.soon("count(slta_aggregate_utility) == 1")


def test_rules_are_loaded_and_none_fails(stack: Stack) -> None:
    rules = stack.prometheus.rules()
    assert len(rules) == len(RULES)
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    at_the_first_failure = {"slta_store_errors_total"}
    of_measured_classes = {"slta_curve_drift_ratio", "slta_curve_drift_error_ratio"}
    for alert in ALERTS:
        for metric in metrics_of(alert) - at_the_first_failure - of_measured_classes:
            if not metric.startswith("slta_follow_"):  # docker-compose.yml has no follower
                assert stack.prometheus.soon(metric), (alert, metric)


def test_the_image_says_what_it_is_and_has_a_demonstration(stack: Stack) -> None:
    image = FILE["services"]["dispatcher"]["image"]
    run = ["run", "--rm", "--network", "host", "--env", "SLTA_HOST=127.0.0.1", image]
    assert stack.engine.docker(*run, "--version") == f"slta {release()}\n"
    labels = json.loads(stack.engine.docker("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.version"] == release()
    shown = stack.engine.docker(
        *run, "demo", "--pools", "8", "--load-per-pool", "3", "--duration", "3", "--mean-holding", "0.5"
    )
    assert "Done." in shown


def test_an_assigned_session_survives_a_restart_of_the_store(stack: Stack) -> None:
    placed = stack.call("POST", "default/assign", "ADMIN_KEY", {"session_id": "keep-me"})
    time.sleep(1.5)  # appendfsync everysec
    stack.compose("restart", "redis")
    until(lambda: stack.pool_of("keep-me") == placed["pool_id"], 30, "the session is gone")
    stack.call("POST", "default/complete", "ADMIN_KEY", {"session_id": "keep-me"})


def test_the_load_generator_leaves_no_session_behind_when_it_is_stopped(stack: Stack) -> None:
    stack.compose("stop", "loadgen")

    def sessions() -> int:
        return int(stack.call("GET", "default/state", "ADMIN_KEY")["sessions"]["active"])

    until(lambda: sessions() == 0, 20, "sessions are left over")


def play_load(stack: Stack, seconds: int, meanwhile: Callable[[], None]) -> None:
    """Load from outside, during which something happens. No session may fail, and the service must know of each."""
    report = stack.folder / "report.json"
    options = {
        "--url": f"http://127.0.0.1:{stack.http_port}", "--fleet": "default", "--load-per-pool": "2",
        "--mean-holding": "4",
        "--duration": str(seconds), "--json": str(report),
    }  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    with subprocess.Popen(
        [SLTA, "loadgen", "run", *words],
        env={"SLTA_API_KEY": stack.secrets["LOADGEN_KEY"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as load:
        meanwhile()
        output, _ = load.communicate(timeout=90)
    sys.stdout.write(output)
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["summary"]["arrivals"] > 40 * seconds
    assert found["summary"]["errors"] == 0
    assert found["summary"]["rejections"] == 0
    assert found["summary"]["unsettled_sessions"] == 0
    assert found["agreement"]["differing_pools"] == {}
    means = (found["agreement"][f"{who}_mean_sessions_per_pool"] for who in ("recorded", "served"))
    assert next(means) == pytest.approx(next(means), rel=0.01), "a busy machine answers late"
    assert load.returncode == 0


def test_no_session_fails_when_a_replica_is_killed(stack: Stack) -> None:
    killed = stack.containers("dispatcher")[0]

    def kill() -> None:
        time.sleep(KILLED_AFTER_SECONDS)
        stack.engine.docker("kill", killed)

    play_load(stack, 25, kill)
    assert stack.inspect(killed)["State"]["Status"] == "exited"


def test_prometheus_notices_and_a_new_replica_is_found(stack: Stack) -> None:
    until(lambda: stack.prometheus.values(f"count({DISPATCHER_UP})") == [1], 60, "the dead replica is up")
    stack.compose("up", "--detach", "--wait", *stack.services)
    until(lambda: stack.prometheus.values(f"count({DISPATCHER_UP})") == [2], 60, "the new replica is not found")
    answered = (
        'count(sum by (instance) (rate(http_server_request_duration_seconds_count{http_route=~".*assign"}[30s])) > 0)'
    )
    until(lambda: stack.prometheus.values(answered) == [2], 60, "the new replica gets no requests")


def test_a_rolling_upgrade_fails_no_session(stack: Stack) -> None:
    stack.compose("stop", "loadgen")
    old = stack.containers("dispatcher")
    with (stack.folder / "service/slta/store/lua/library/library.lua").open("a", encoding="utf-8") as library:
        library.write("-- Another version: the digest changes, and with it the name of every function.\n")
    stack.compose("build")
    new = ["--no-deps", "--no-recreate", "--no-build", "--scale", "dispatcher=4", "--wait", "dispatcher"]

    def upgrade() -> None:
        stack.compose("up", "--detach", *new)
        versions = "count(count by (digest) (slta_build_info))"
        until(lambda: stack.prometheus.values(versions) == [2], 30, "old and new do not run side by side")
        for container in old:
            stack.engine.docker("stop", "--time", "15", container)
            state = stack.inspect(container)["State"]
            assert state["ExitCode"] == 0, "a dispatcher that is stopped ends cleanly"
            assert state["OOMKilled"] is False

    play_load(stack, 40, upgrade)
    stack.engine.docker("rm", *old)
    until(lambda: len(stack.prometheus.values(DISPATCHER_UP)) == 2, 60, "two dispatchers are left")


def test_an_outage_of_the_store_raises_the_alert_says_so_to_clients_and_loses_nothing(stack: Stack) -> None:
    stack.call("POST", "default/assign", "ADMIN_KEY", {"session_id": "waits"})
    time.sleep(1.5)  # appendfsync everysec
    stack.compose("stop", "redis")
    firing = 'ALERTS{alertname="SltaStoreUnreachable",alertstate="firing"}'
    until(lambda: len(stack.prometheus.values(firing)) == 2, 90, "the alert does not fire for both dispatchers")
    with pytest.raises(urllib.error.HTTPError) as refused:
        stack.call("POST", "default/assign", "ADMIN_KEY", {"session_id": "refused"})
    assert refused.value.code == 503
    code = json.loads(refused.value.read())["code"]
    assert code in {"store_unavailable", "outcome_unknown"}, "in the API's own words"
    stack.compose("start", "redis")
    until(lambda: stack.prometheus.values(firing) == [], 60, "the alert does not end")
    assert stack.call("GET", "default/sessions/waits", "ADMIN_KEY")["pool_id"]
    stack.call("POST", "default/complete", "ADMIN_KEY", {"session_id": "waits"})
    assert stack.prometheus.values('ALERTS{alertname=~"SltaStoreReplaced|SltaLeasesExpireInBulk|SltaRejections"}') == []


def test_keys_and_passwords_are_rotated_without_a_gap(stack: Stack) -> None:
    environment, old, new = stack.folder / ".env", stack.secrets, make_secrets.random_secrets()

    def write(values: dict[str, str]) -> None:
        environment.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
        before = reloads()
        make_secrets.write(stack.folder)
        until(lambda: reloads() >= before + Counter(before.keys()), 30, "a dispatcher does not reload its keys")
        assert "OK" in stack.redis_cli("operator", old["OPERATOR_PASSWORD"], "acl", "load")

    def reloads() -> Counter[str]:
        """As docs/operations.md has it: by dispatcher, and one more, so that each of them counts."""
        lines = re.findall(r"(dispatcher-\d+) .*\b(?:listening|file_reloaded)\b", stack.compose("logs", "dispatcher"))
        return Counter(lines)

    def accepted(secrets: dict[str, str]) -> bool:
        with suppress(OSError):
            return bool(replace(stack, secrets=secrets).call("GET", "default/state", "ADMIN_KEY"))
        return False

    def dispatcher_may_ask_redis(password: str) -> bool:
        return "default" in stack.redis_cli("dispatcher", password, "smembers", "slta:fleets")

    rotated = {name: new[name] for name in ("ADMIN_KEY", "STORE_PASSWORD")}
    write(old | rotated | {f"{name}_OLD": old[name] for name in rotated})
    assert accepted(old | rotated)
    assert accepted(old)
    assert dispatcher_may_ask_redis(new["STORE_PASSWORD"])
    assert dispatcher_may_ask_redis(old["STORE_PASSWORD"])
    write(old | {"ADMIN_KEY": new["ADMIN_KEY"]})
    assert not accepted(old)
    assert accepted(old | rotated)
    assert not dispatcher_may_ask_redis(new["STORE_PASSWORD"])
    write(old)
    assert accepted(old)


def test_a_backup_brings_sessions_back(stack: Stack) -> None:
    """As docs/recovery.md has it: dispatchers that went on would end the session once more."""
    stack.call("POST", "default/assign", "ADMIN_KEY", {"session_id": "backed-up"})
    time.sleep(1.5)  # appendfsync everysec
    backup = stack.folder / "backup"
    stack.compose("cp", "redis:/data/appendonlydir", str(backup))
    stack.call("POST", "default/complete", "ADMIN_KEY", {"session_id": "backed-up"})
    stack.compose("stop")
    restore = "rm -rf /data/* && cp -r /backup /data/appendonlydir"
    run = ["run", "--rm", "--no-deps", "--volume", f"{backup}:/backup:ro", "--entrypoint", "sh"]
    stack.compose(*run, "redis", "-c", restore)
    stack.compose("up", "--detach", "--wait", *stack.services)
    until(lambda: bool(stack.pool_of("backed-up")), 30, "the session is not back")
