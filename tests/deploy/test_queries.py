"""Every query of the dashboard and of the rules returns data: a real Prometheus scrapes real dispatchers under load."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from deploy.grafana import dashboard
from testbed.awaiting import until_answered
from testbed.processes import Process
from testbed.servers import free_port, running_server
from tests.deploy.test_haproxy import proxy
from tests.inventory import each

pytestmark = [pytest.mark.needs("prometheus", "haproxy"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / "examples/paper.yaml"
FLEET_NAME = "default"
CLASSES = ("small", "large")
TYPED = yaml.safe_load((ROOT / "examples/media.yaml").read_text(encoding="utf-8"))
"""A fleet with session types beside it, for the queries about them."""
MIX = ",".join(f"{name}=1" for name in TYPED["session_types"])
NAMESPACES = ("prod", "staging")
SLTA = (sys.executable, "-m", "slta.cli")
WAIT_SECONDS = 60

RULES = [
    rule
    for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS = {rule["alert"]: rule["expr"] for rule in RULES if "alert" in rule}
BOARD = json.loads(dashboard.FILE.read_text(encoding="utf-8"))
MARKS = {mark["name"]: mark["target"]["expr"] for mark in BOARD["annotations"]["list"]}
PANELS = {
    f"{panel['title']}: {query['legendFormat']}": query["expr"]
    for panel in BOARD["panels"]
    for query in panel.get("targets", [])
}


SLOW = ("fleet_span:",)
"""What is known once a quarter of an hour has passed, or the mean load stands still: the rules' own tests see it."""
AT_ONCE = [rule for rule in RECORDED if not rule.startswith(SLOW)]


def metrics_of(alert: str) -> set[str]:
    """The names of the series that an alert looks at, but for slow ones and those of a watcher, which needs pods."""
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]|by \([^)]*\)|on \([^)]*\)", "", ALERTS[alert])
    names = {name for name in re.findall(r"[a-z_:][a-z0-9_:]*", text) if name == "up" or "slta_" in name}
    return {name for name in names if not name.startswith((*SLOW, "slta_kubernetes_"))}


def ours(*command: str | Path) -> Process:
    """A quiet process that is not told of keys."""
    environment = os.environ | {"SLTA_AUTH": "false", "SLTA_ALLOWED_HOSTS": "proxy"}
    return Process(*command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http on loopback
        body: bytes = answer.read()
        return body


def put(url: str, body: bytes, method: str = "PUT") -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - http on loopback
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - as above
        pass


class Prometheus:
    """A running one, and a dispatcher that it scrapes."""

    def __init__(self, url: str, dispatcher: str = "") -> None:
        self.url = url
        self._dispatcher = dispatcher

    def change_fleet(self) -> None:
        """Another version of the same configuration."""
        put(fleet := f"{self._dispatcher}/v1/fleets/{FLEET_NAME}", get(fleet))

    def values(self, expression: str) -> list[float]:
        """What an expression gives now; without what is not a number."""
        query = urllib.parse.urlencode({"query": expression})
        found: list[dict[str, Any]] = json.loads(get(f"{self.url}/api/v1/query?{query}"))["data"]["result"]
        return [value for value in (float(sample["value"][1]) for sample in found) if not math.isnan(value)]

    def rules(self) -> list[dict[str, Any]]:
        groups = json.loads(get(f"{self.url}/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def soon(self, expression: str) -> list[float]:
        """The same, as soon as there is something."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (values := self.values(expression)) and time.monotonic() < deadline:
            time.sleep(0.5)
        return values


def configuration(folder: Path, scraped: Mapping[str, list[str]], follower: str) -> Path:
    """The committed one with other targets, by job, and quicker; a follower's metrics are a job of their own.

    The namespace `prod` is scraped as shipped: each dispatcher for itself, the fleets through the proxy. Those of
    `staging` are scraped for both.
    """
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ROOT / "deploy/prometheus/rules/*.yml")]
    shipped = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs = [shipped["slta"], shipped["slta-fleets"], {**shipped["slta-fleets"], "job_name": "both"}]
    jobs[2] |= {"params": {"levels": ["1"]}}
    for job, namespace in zip(jobs, ("prod", "prod", "staging"), strict=True):
        job.pop("authorization"), job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": scraped[job["job_name"]], "labels": {"namespace": namespace}}]
    config["scrape_configs"] = [*jobs, {"job_name": "slta-follow", "static_configs": [{"targets": [follower]}]}]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def installation(stack: ExitStack, replicas: int, load: float) -> tuple[str, list[int]]:
    """A store, dispatchers and a load; the store's URL and the dispatchers' ports."""
    store = stack.enter_context(running_server())
    ports = [free_port() for _ in range(replicas)]
    for port in ports:
        arguments: list[str | Path] = ["--port", str(port), "--store-url", store, FLEET]
        stack.enter_context(ours(*SLTA, "serve", *arguments))
    for port in ports:
        until_answered(f"http://127.0.0.1:{port}/readyz")
    dispatcher = f"http://127.0.0.1:{ports[0]}"
    put(f"{dispatcher}/v1/fleets/{TYPED['fleet']}", json.dumps(TYPED).encode())
    options = ["--fleet", "default", "--load-per-pool", str(load), "--mean-holding", "5", "--endless"]
    options += ["--profile", "1..0.8@10,0.8..1@10"]
    typed = ["--fleet", TYPED["fleet"], "--session-types", MIX, "--rate", "2", "--endless"]
    for asked_for in (options, typed):
        stack.enter_context(ours(*SLTA, "loadgen", "run", "--url", dispatcher, *asked_for))
    place(dispatcher)
    measure(f"{dispatcher}/v1/fleets/measured")
    return store, ports


def measure(fleet: str) -> None:
    """A fleet whose pools report quality: thirty samples and more of each class at one session and at two."""
    curve = {"kind": "log_share", "resource": 20}
    classes = [{"name": name, "utility": curve, "capacity": 4, "pools": 3} for name in CLASSES]
    quality = {"per": "session", "unit": "frames/s"}
    put(fleet, json.dumps({"policy": "jlmu", "quality": quality, "classes": classes}).encode())
    pools = [f"{name}-{n}" for name in CLASSES for n in (1, 2, 3)]
    for pool in pools:
        put(f"{fleet}/sessions/{pool}-first", json.dumps({"pool_id": pool}).encode())
    for at in range(20):
        for pool in pools:
            if at % 2:
                put(f"{fleet}/complete", json.dumps({"session_id": f"{pool}-{at - 1}"}).encode(), "POST")
            else:
                put(f"{fleet}/sessions/{pool}-{at}", json.dumps({"pool_id": pool}).encode())
        beats = [{"pool_id": pool, "ttl_seconds": 3600, "count": 2 - at % 2, "quality": 3 + at % 3} for pool in pools]
        put(f"{fleet}/pools/heartbeats", json.dumps({"heartbeats": beats}).encode(), "POST")


def place(dispatcher: str) -> None:
    """Ask as a proxy does."""
    headers = {"X-Session-Id": "a-proxy-s", "X-Slta-Lease": "1"}
    request = urllib.request.Request(f"{dispatcher}/v1/fleets/{FLEET_NAME}/place", headers=headers)  # noqa: S310 - http on loopback
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - as above
        pass


def follower(stack: ExitStack, folder: Path, dispatcher: int) -> str:
    """A follower of a log without lines; the address of its metrics."""
    port = free_port()
    options = ["--fleet", FLEET_NAME, "--url", f"http://127.0.0.1:{dispatcher}", "--metrics-port", str(port)]
    files: list[str | Path] = ["--file", folder / "proxy.log", "--state-dir", folder / "follow"]
    stack.enter_context(ours(*SLTA, "follow", *options, *files))
    return f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        store, ports = installation(stack, 2, load=5)
        _, others = installation(stack, 1, load=0.5)
        own = free_port()
        options: list[str | Path] = ["--web.listen-address", f"127.0.0.1:{own}", "--storage.tsdb.path", folder / "data"]
        targets = {"slta": ports, "slta-fleets": [stack.enter_context(proxy(folder, *ports))], "both": others}
        addresses = {name: [f"127.0.0.1:{p}" for p in found] for name, found in targets.items()}
        config = configuration(folder, addresses, follower(stack, folder, ports[0]))
        stack.enter_context(ours("prometheus", "--config.file", config, *options))
        until_answered(f"http://127.0.0.1:{own}/-/ready")
        with Redis.from_url(store) as redis:
            time.sleep(2)
            redis.function_flush()  # loaded again at the next call, and counted as an error: the only one there is
        yield Prometheus(f"http://127.0.0.1:{own}", f"http://127.0.0.1:{ports[0]}")


def test_all_replicas_are_scraped_and_report_one_fleet_an_installation(prometheus: Prometheus) -> None:
    assert prometheus.soon('count(up{job="slta"} == 1) == 4'), "three dispatchers, and the proxy in front of two"
    assert prometheus.soon('count(slta_aggregate_utility{fleet="default"}) == 2'), (
        "once through the proxy, and from the third"
    )
    assert prometheus.soon('count(fleet:slta_aggregate_utility:max{fleet="default"}) == 2')
    assert prometheus.soon('installation:slta_dispatchers:count{namespace="prod"} == 2')
    assert prometheus.soon('installation:slta_dispatchers:count{namespace="staging"} == 1')


def test_each_installation_has_its_own_sessions(prometheus: Prometheus) -> None:
    """The one has about ten times as many as the other; replicas are read some seconds apart, so by and large."""
    for namespace in NAMESPACES:
        here = f'{{pool_status="active",namespace="{namespace}",fleet="{FLEET_NAME}"}}'
        assert prometheus.soon(f"fleet_pool_status:slta_sessions:sum{here} > 0")
        ours = f"sum by (fleet) (max by (fleet, pool_class) (slta_sessions{here}))"
        assert prometheus.soon(
            f"abs(sum by (fleet) (fleet_pool_status:slta_sessions:sum{here}) - {ours}) < 0.3 * {ours}"
        )
    sessions = 'fleet_pool_status:slta_sessions:sum{pool_status="active",namespace="%s",fleet="default"}'
    assert prometheus.soon(f"{sessions % 'staging'} * 3 < on (fleet) {sessions % 'prod'}")


@each("rule", AT_ONCE)
def test_a_recording_rule_gives_data_of_each_installation(prometheus: Prometheus, rule: str) -> None:
    for namespace in NAMESPACES:
        assert prometheus.soon(f'{rule}{{namespace="{namespace}"}}')


def asked(query: str, namespace: str, pool_class: str) -> str:
    """A query of the dashboard once its variables are chosen; no series here has a cluster."""
    fleet = TYPED["fleet"] if re.search("session_type|compatibility", query) else FLEET_NAME
    fleet = "measured" if re.search("curve|measured", query) else fleet
    chosen = {"cluster": "", "job": "slta", "namespace": namespace, "fleet": fleet, "pool_class": pool_class}
    for name, value in chosen.items():
        query = query.replace(f"${name}", value)
    assert "$" not in query.replace('"$1"', "")
    return query


@pytest.mark.parametrize("pool_class", CLASSES)
@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_shows_data_of_each_installation(prometheus: Prometheus, panel: str, pool_class: str) -> None:
    for namespace in NAMESPACES:
        assert prometheus.soon(asked(PANELS[panel], namespace, pool_class))


def test_a_panel_shows_one_installation(prometheus: Prometheus) -> None:
    """Without the namespace the two would be told apart by nothing that the panel shows."""
    sessions = PANELS["Sessions: {{pool_status}}"]
    prod, staging = (f"sum by (fleet) ({asked(sessions, namespace, 'small')})" for namespace in NAMESPACES)
    assert prometheus.soon(f"{staging} > 0")
    assert prometheus.soon(f"{staging} * 3 < {prod}")


@each("mark", MARKS)
def test_a_mark_s_query_is_understood(prometheus: Prometheus, mark: str) -> None:
    assert prometheus.values(f"({asked(MARKS[mark], 'prod', 'small')}) or vector(0)")


def test_a_changed_configuration_is_marked_in_its_own_installation(prometheus: Prometheus) -> None:
    changed = MARKS["Configuration changed"]
    assert prometheus.soon('slta_config_version{namespace="prod"}')
    prometheus.change_fleet()
    assert prometheus.soon(asked(changed, "prod", "small"))
    assert prometheus.values(asked(changed, "staging", "small")) == []


@each("alert", ALERTS)
def test_what_an_alert_watches_exists(prometheus: Prometheus, alert: str) -> None:
    for metric in metrics_of(alert):
        assert prometheus.soon(metric), metric


def test_no_rule_fails_and_no_alert_fires_while_all_is_well(prometheus: Prometheus) -> None:
    assert prometheus.soon("fleet:slta_fullness:ratio")
    rules = prometheus.rules()
    assert len(rules) == len(RULES)
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    firing = {
        alert["labels"]["alertname"] for rule in rules for alert in rule.get("alerts", []) if alert["state"] == "firing"
    }
    assert firing <= {"SltaAssignsFail"}, "answers may take longer than 50 ms on a machine that tests keep busy"


def test_utility_stays_below_its_bound(prometheus: Prometheus) -> None:
    assert prometheus.soon("fleet:slta_aggregate_utility:max <= fleet:slta_aggregate_utility_bound:max")
    assert prometheus.values("min_over_time(fleet:slta_utility_gap:ratio[1m]) < -1e-9") == []
