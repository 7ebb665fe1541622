"""Prometheus's own tool accepts the configuration and the rules, and runs the rules' tests."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from deploy import objective
from deploy.identity import INSTALLATION, RUNBOOK_URL
from deploy.prometheus import write_rules
from slta.api.http.api_route import ApiRoute
from slta.api.http.openapi import ERRORS, SERVER, codes_of
from slta.api.routes import sessions
from slta.metrics.process_metrics import PLACEMENT_MISTAKES, REQUESTS
from slta.models import errors
from tests.docs.pages import rows, words
from tests.inventory import each

pytestmark = pytest.mark.needs("promtool")

FOLDER = Path(__file__).resolve().parents[2] / "deploy/prometheus"
RUNBOOK = FOLDER.parents[1] / "docs/runbook.md"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.yml"))


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind: str) -> dict[str, dict[str, Any]]:
    return {
        rule[kind]: rule for path in RULES for group in load(path)["groups"] for rule in group["rules"] if kind in rule
    }


ALERTS = rules("alert")


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    key = tmp_path / "metrics.key"
    key.write_text("key\n", encoding="utf-8")
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/run/secrets/metrics.key", str(key)), encoding="utf-8")
    (tmp_path / "rules").symlink_to(FOLDER / "rules")
    promtool("check", "config", "--lint-fatal", config)


def test_the_rules_are_what_their_sources_say() -> None:
    assert {path.name for path in RULES} == {path.name for path, _ in write_rules.written()}
    for path, text in write_rules.written():
        assert path.read_text(encoding="utf-8") == text, "change deploy/prometheus/source, then make format"


def test_the_rules_are_valid() -> None:
    promtool("check", "rules", "--lint-fatal", *RULES)


@pytest.mark.slow
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_tests(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.slow
@each("alert", ALERTS)
def test_an_alert_is_tested_to_fire_and_not_to(alert: str) -> None:
    cases = [
        bool(case["exp_alerts"])
        for path in TESTS
        for test in load(path)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == alert
    ]
    assert True in cases, "no test in which it fires"
    assert False in cases, "no test in which it does not"


@each("alert", ALERTS)
def test_an_alert_says_what_it_means_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "action", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == RUNBOOK_URL
    assert anchor == alert.lower()
    assert f"\n### {alert}\n" in RUNBOOK.read_text(encoding="utf-8")


def test_the_runbook_s_address_is_a_url_of_the_page() -> None:
    url = urlsplit(RUNBOOK_URL)
    assert url.scheme == "https"
    assert url.hostname
    assert url.path.endswith("/docs/runbook.md")
    assert not url.fragment


def test_the_objective_s_time_is_a_bucket_and_its_share_below_1() -> None:
    assert objective.SECONDS in REQUESTS.buckets
    assert 0.5 < objective.RATIO < 1


def test_the_objective_is_set_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective, "SECONDS", 0.25)
    monkeypatch.setattr(objective, "FAILURES", "0.02")
    texts = {path.name: text for path, text in write_rules.written()}
    assert 'le="0.25"' in texts["objective.yml"]
    assert "ratio1h > 14.4 * 0.02\n" in texts["alerts.yml"]
    assert [name for name, text in texts.items() if "0.001\n" in text or 'le="0.05"' in text] == []


def test_the_runbook_has_no_alert_that_is_gone() -> None:
    headings = re.findall(r"^### (Slta\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(headings) == set(ALERTS)


SHARED = {
    "slta_assignments_total", "slta_sessions_ended_total", "slta_rejections_total",
    "slta_learning_steps_total", "slta_sessions", "slta_pools", "slta_session_capacity",
}  # fmt: skip


@each("rule", [*rules("record").values(), *ALERTS.values()])
def test_a_rule_takes_replicas_together_and_never_installations(rule: dict[str, Any]) -> None:
    expression = " ".join(rule["expr"].split())
    assert "without" not in expression
    for function in re.finditer(r"\b(?:sum|max|min|avg|count|group|stddev|topk)\b(?! by \()\s*\(", expression):
        raise AssertionError(f"{function[0]} takes everything together")
    for labels in re.findall(r"\b(?:by|on|ignoring) \(([^)]*)\)", expression):
        assert set(INSTALLATION) <= set(labels.split(", ")), labels


LAST_SEEN = re.compile(
    r"\(([^()]+) or last_over_time\(\1\[5m\]\) unless on \([^)]*\) max by .*?count_over_time\(up\[2m\]\)\)"
    r"(?: unless on \([^)]*\) slta_store_epoch_timestamp_seconds)?\)"
)
"""What SEEN of deploy/prometheus/write_rules.py becomes, of one series."""


@each("rule", [*rules("record").values(), *ALERTS.values()])
def test_shared_state_is_never_added_up_over_replicas(rule: dict[str, Any]) -> None:
    expression = LAST_SEEN.sub(r"\1", " ".join(rule["expr"].split()))
    for metric in SHARED:
        for found in re.finditer(rf"(?<![\w:]){metric}\b(?!:)", expression):
            assert re.search(r"max by \([a-z_, ]+\) \($", expression[: found.start()]), f"{metric} without max by"
            assert not expression[found.end() :].lstrip("{").startswith("["), f"{metric}: a rate over replicas"


FULL = {error.code for error in (errors.NoCapacityError, errors.NoActivePoolError, errors.LowPriorityError)}


def test_the_service_is_blamed_for_each_server_error() -> None:
    server_errors = {kind.code for kind in ERRORS if kind.status >= 500 and kind is not errors.AdviceWithheldError}
    of_http = {"overloaded", "internal_error"}
    assert set(objective.ASSIGN_FAULTS) == server_errors | of_http | {"5.."}


def test_the_proxy_s_configuration_is_blamed_for_each_other_code_of_a_placement_but_an_ended_visit() -> None:
    [route] = [
        route for route in sessions.router.routes if isinstance(route, ApiRoute) and route.path.endswith("/place")
    ]
    counted = set(codes_of(route, "GET")[503]) - set(SERVER)
    assert set(PLACEMENT_MISTAKES) == counted - {*objective.ASSIGN_FAULTS, *FULL, "session_ended"}


def test_the_runbook_explains_each_code_that_the_proxy_s_configuration_is_blamed_for() -> None:
    section = RUNBOOK.read_text(encoding="utf-8").partition("\n### SltaPlacementsRefused\n")[2].partition("\n### ")[0]
    assert {code for cells in rows(section) for code in words(cells[0])} == set(PLACEMENT_MISTAKES)
