"""`slta fleet`, `slta pool` and `slta session`, on a real dispatcher."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer
from redis import Redis
from typer.testing import CliRunner

from slta.cli.commands import app
from slta.cli.durations import seconds_of
from slta.cli.output import table
from slta_client import http
from slta_integrations.operator import calls, drains
from testbed.awaiting import until
from testbed.live_fleet import CLASS, Fleet
from testbed.service_process import ServiceProcess, key_file

FILE = "classes: [{name: c, capacity: 3, pools: 2, utility: {kind: log_share, resource: 20.25}}]\n"


def called(fleet: Fleet, line: str, answer: str | None = None) -> Any:
    environment = {"SLTA_URL": fleet.service.url, "SLTA_FLEET": fleet.name, "COLUMNS": "80"}
    return CliRunner().invoke(app, line.split(), env=environment, input=answer)


def rows(fleet: Fleet, line: str, answer: str | None = None) -> list[list[str]]:
    result = called(fleet, line, answer)
    assert result.exit_code == 0, result.output
    return [text.split() for text in result.stdout.splitlines()][1:]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "is_terminal", lambda: True)


# Pools


def test_pools_are_listed_page_by_page_and_filtered(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAGE", 1)
    fleet.call("POST", "pools/c-2/drain", {"within_seconds": 600})
    listed = rows(fleet, "pool list")
    assert [row[:5] for row in listed] == [
        ["c-1", "c", "active", "alive", "0"],
        ["c-2", "c", "draining", "alive", "0"],
        ["c-3", "c", "active", "alive", "0"],
    ]
    assert listed == [rows(fleet, f"pool get c-{number}")[0][:-2] + row[-2:] for number, row in enumerate(listed, 1)]
    assert [row[0] for row in rows(fleet, "pool list --status draining --liveness alive --class c")] == ["c-2"]


def test_json_has_what_the_service_answered(fleet: Fleet) -> None:
    assert json.loads(called(fleet, "pool get c-1 -o json").stdout) == fleet.call("GET", "pools/c-1")
    assert json.loads(called(fleet, "pool list -o json").stdout) == fleet.call("GET", "pools")["pools"]


def test_pools_drain_until_a_deadline_and_return(fleet: Fleet) -> None:
    assert rows(fleet, "pool drain c-1 --within 10m --then fail") == [["c-1", "changed"]]
    drain = fleet.call("GET", "pools/c-1")["drain"]
    assert (drain["then"], round(drain["deadline_seconds"], -1)) == ("fail", 600)
    undrained = called(fleet, "pool undrain --class c")
    assert (undrained.stdout.split()[2:], undrained.stderr) == (["c-1", "changed"], "1 changed, 2 unchanged\n")


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("drain --class c", "Set 3 pools to draining? [y/N]"),
        ("drain c-1 c-3", "Set 2 pools to draining? [y/N]"),
        ("undrain --class c", "Set 2 pools to active? [y/N]"),
    ],
)
def test_before_several_pools_change_a_command_asks(fleet: Fleet, terminal: None, line: str, question: str) -> None:
    fleet.call("POST", "pools/status", {"status": "draining", "pool_ids": ["c-1", "c-2"]})
    refused = called(fleet, f"pool {line}", "n\n")
    assert (refused.exit_code, question in refused.stderr) == (1, True)
    assert [row[2] for row in rows(fleet, "pool list")] == ["draining", "draining", "active"]


def test_a_drain_waits_until_the_sessions_have_ended(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = ["a", "b"]
    fleet.assign(*sessions)

    async def one_ends(_seconds: float) -> None:
        fleet.complete(sessions.pop())

    monkeypatch.setattr(drains, "sleep", one_ends)
    assert called(fleet, "pool drain --class c --wait --yes").exit_code == 0
    assert sessions == []


def test_a_drain_whose_deadline_passes_with_sessions_is_exit_code_1(fleet: Fleet) -> None:
    fleet.assign("a", "b", "c", "d")
    waited = called(fleet, "pool drain --class c --within 1s --wait --yes")
    told = "slta: the deadline has passed: 4 sessions are left on 3 pools"
    assert (waited.exit_code, waited.stderr.splitlines()[-1]) == (1, told)


def test_pools_are_added_changed_and_removed(fleet: Fleet) -> None:
    assert rows(fleet, "pool add c-1 new --class c --label zone=a") == [["new", "created"], ["c-1", "changed"]]
    assert fleet.call("GET", "pools/c-1")["labels"] == {"zone": "a"}
    assert rows(fleet, "pool add new --class c --address h:1") == [["new", "changed"]]
    assert rows(fleet, "pool remove new") == [["new", "removed"]]
    assert called(fleet, "pool get new").exit_code == 1


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 3), ("", 1, 3)])
def test_a_failure_asks_first(fleet: Fleet, terminal: None, answer: str, code: int, left: int) -> None:
    fleet.assign("a", "b", "c")
    assert called(fleet, "pool fail c-1 c-2 c-3", answer).exit_code == code
    assert fleet.live == left


def test_without_a_terminal_what_asks_needs_yes(fleet: Fleet) -> None:
    fleet.assign("a")
    refused = called(fleet, "pool fail c-1 c-2 c-3")
    assert (refused.exit_code, refused.stderr.endswith("repeat it with --yes\n")) == (2, True)
    assert called(fleet, "pool fail a b c d e f g").stderr.startswith("slta: Fail a, b, c, d, e and 2 more, and end ")
    assert sum(int(row[2]) for row in rows(fleet, "pool fail c-1 c-2 c-3 --yes")) == 1


def test_the_end_of_a_guard_is_asked_for_by_class(fleet: Fleet, terminal: None) -> None:
    assert called(fleet, "pool end-guard", "n\n").exit_code == 1
    assert rows(fleet, "pool end-guard --class c --yes") == []
    assert "unknown_class" in called(fleet, "pool end-guard --class none --yes").stderr


# Sessions


def test_the_sessions_on_a_pool_are_listed_page_by_page(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAGE", 1)
    on = fleet.assign("a", "b", "c", "d")
    assert sorted(row for pool in {*on} for row in rows(fleet, f"session list {pool}")) == [[id_] for id_ in "abcd"]


def test_a_session_is_shown_and_ended_once(fleet: Fleet) -> None:
    [pool] = fleet.assign("s")
    assert rows(fleet, "session get s")[0][:4] == ["s", pool, "c", "default"]
    assert rows(fleet, "session end s") == [["s", pool, "completed"]]
    assert rows(fleet, "session end s") == [["s", pool, "already_ended"]]
    ended = called(fleet, "session get s")
    assert (ended.exit_code, f"(pool_id: {pool}, reason: completed" in ended.stderr) == (1, True)


# Fleets


def test_a_file_is_applied_after_its_difference_was_confirmed(fleet: Fleet, terminal: None, tmp_path: Path) -> None:
    file, name = tmp_path / "fleet.yaml", f"{fleet.name}-b"
    apply = f"fleet apply {file} --fleet {name}"
    file.write_text(FILE)
    created = called(fleet, apply, "y\n")
    assert "+  capacity: 3" in re.sub("^[+]- ", "+  ", created.stderr, flags=re.MULTILINE)
    assert rows(fleet, apply) == [[name, "1", "unchanged"]]
    file.write_text(FILE.replace("20.25", "20.5"))
    refused = called(fleet, apply, "n\n")
    assert (refused.exit_code, re.findall("^[+-] .*", refused.stderr, re.MULTILINE)) == (
        1,
        [f"{sign}  utility: {{kind: log_share, resource: {number}}}" for sign, number in (("-", 20.25), ("+", 20.5))],
    )
    assert rows(fleet, apply + " --yes") == [[name, "2", "changed"]]
    assert [name] in rows(fleet, "fleet list")


def test_what_get_prints_can_be_applied(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    file.write_text(f"policy: auto\n{FILE}")
    called(fleet, f"fleet apply {file} --fleet {fleet.name} --yes")
    file.write_text(called(fleet, "fleet get -o json").stdout)
    assert json.loads(file.read_text())["resolved_policy"] == "jlmu"
    assert rows(fleet, f"fleet apply {file}") == [[fleet.name, "2", "unchanged"]]


def test_a_file_replaces_a_lost_configuration(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(FILE)
    socket = fleet.service.log.parent / "data" / "valkey.sock"
    with Redis(unix_socket_path=str(socket)) as redis:
        assert redis.delete(f"{{{fleet.name}}}:document") == 1
    assert called(fleet, "fleet state").exit_code == 1
    applied = called(fleet, f"fleet apply {file} --fleet {fleet.name} --yes")
    assert (applied.exit_code, applied.stdout.split()[3:]) == (0, [fleet.name, "2", "changed"])
    assert "is missing or unreadable: all of the file is new" in applied.stderr
    assert "\n-" not in applied.stderr.replace("\n--- ", "")
    assert json.loads(called(fleet, "fleet get -o json").stdout)["classes"][0]["capacity"] == 3


def test_the_state_and_a_watch_of_it_have_the_same_tables(fleet: Fleet) -> None:
    fleet.call("POST", "pools/c-3/fail")
    fleet.assign("a", "b")
    state = called(fleet, "fleet state").stdout
    assert [line.split()[:3] for line in state.splitlines() if fleet.name in line] == [[fleet.name, "slta", "2"]]
    assert state.splitlines()[-1].split() == ["c", "2", "0", "1", "0", "0", "0", "2", "off"]
    assert called(fleet, "fleet watch --times 2 --every 0.5").stdout == 2 * state


def test_scale_advice_names_what_to_drain_and_to_remove(fleet: Fleet) -> None:
    scale = {"budget": 1, "hold_seconds": 0, "classes": {"c": {"cost": 1, "lead_seconds": 0, "max": 1}}}
    fleet.service.call("PUT", f"/v1/fleets/{fleet.name}", {"classes": [CLASS | {"capacity": 1000}], "scale": scale})
    fleet.call("POST", "pools/c-3/drain")
    fleet.assign("a", "b")
    until(lambda: fleet.call("GET", "averages?window=60")["window_seconds"] > 0)
    found = called(fleet, "fleet scale --budget 2 --hold 0s")
    assert found.stderr.startswith("With 1 pool fewer this load keeps ")
    _, advice, *_, drain, remove = [line.split() for line in found.stdout.splitlines()]
    assert advice == ["c", "1", "2", "2", "0", "1", "1.0"]
    assert (drain[0], drain[2:4], remove) == ("drain", ["c", "1"], ["remove", "c-3", "c", "0", "-"])


def test_events_are_selected_by_action(fleet: Fleet) -> None:
    fleet.call("POST", "pools/c-3/drain")
    [[at, *event]] = rows(fleet, "fleet events --action set_status")
    assert at.endswith("Z")
    assert event == ["set_status", "-", "-", "draining", "c-3"]


@pytest.mark.parametrize(
    ("line", "pools"),
    [
        ("pool undrain --class c", "active 1: c-3"),
        ("pool drain c-1 c-2 --yes", "draining 2: c-1 c-2"),
        ("pool add new newer --class c", "active 2 of c"),
    ],
)
def test_an_event_has_the_status_that_pools_got_and_their_ids_or_class(fleet: Fleet, line: str, pools: str) -> None:
    fleet.call("POST", "pools/c-3/drain")
    rows(fleet, line)
    assert " ".join(rows(fleet, "fleet events")[0][4:]) == pools


def test_what_was_done_before_a_failure_is_shown(fleet: Fleet) -> None:
    failed = called(fleet, "pool fail c-1 none c-2 --yes")
    assert (failed.exit_code, failed.stdout.split()[3:]) == (1, ["c-1", "failed", "0"])
    removed = called(fleet, "pool remove c-1 none c-2")
    assert (removed.exit_code, removed.stdout.split()[2:]) == (1, ["c-1", "removed"])


# All commands


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("pool get none", 1, "slta: unknown_pool: The fleet has no pool"),
        ("pool list --class none", 1, "slta: unknown_class: "),
        ("pool drain", 2, "slta: give either pools or --class"),
        ("pool drain c-1 --class c", 2, "slta: give either pools or --class"),
        ("pool drain c-1 --then fail", 2, "slta: invalid_request: then needs within_seconds"),
        ("pool add a b --class c --address h:1", 2, "slta: --address is for a single pool"),
        ("pool add a --class c --label zone", 2, "slta: --label zone: must be NAME=VALUE"),
        ("pool remove none", 1, "slta: unknown_pool: "),
        ("fleet apply /no\x1bwhere", 2, r"slta: /no\x1bwhere: No such file or directory"),
        ("fleet state --fleet none", 1, "slta: unknown_fleet: "),
        ("fleet state --fleet a/b", 2, "slta: Invalid value for '--fleet' (env var: 'SLTA_FLEET'): a fleet name has"),
        ("fleet scale", 1, "slta: scale_not_configured: "),
        ("fleet events --action drained", 2, "slta: Invalid value for '--action': 'drained' is not one of 'put_fleet'"),
        ("fleet list --url http://127.0.0.1:1", 3, "slta: unreachable: "),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(fleet: Fleet, line: str, code: int, said: str) -> None:
    result = called(fleet, line)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("fleet state --fleet nigth", "(fleet: nigth)"),
        ("pool get no:pe", "(pool: no:pe)"),
        ("session list nope", "(pool: nope)"),
        ("pool undrain nope", "(name: nope)"),
        ("fleet list --url http://127.0.0.1:1", "(--url or SLTA_URL: http://127.0.0.1:1)"),
        ("fleet list --url {url}/nowhere", "(--url or SLTA_URL: {url}/nowhere)"),
    ],
)
def test_a_failure_names_what_was_called(fleet: Fleet, line: str, named: str) -> None:
    url = fleet.service.url
    assert called(fleet, line.format(url=url)).stderr.endswith(f"{named.format(url=url)}\n")


@pytest.mark.slow
def test_a_missing_or_wrong_key_names_where_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, _ = key_file(tmp_path, ["read"])
    monkeypatch.delenv("SLTA_API_KEY", raising=False)
    with ServiceProcess(tmp_path, keys_file=file) as service:
        run = partial(CliRunner().invoke, app, ["fleet", "list", "--url", service.url])
        assert run().stderr.endswith("(--key-file or SLTA_API_KEY: not set)\n")
        assert run(env={"SLTA_API_KEY": "slta_wrong"}).stderr.endswith("(--key-file or SLTA_API_KEY: a wrong key)\n")


def test_a_duration_has_a_unit_or_is_in_seconds() -> None:
    assert [seconds_of(text) for text in ("90", "0.5s", "10m", "1.5h", "1d")] == [90, 0.5, 600, 5400, 86_400]
    for text in ("", "m", "-1", "1.h", "1w", "1m30s"):
        with pytest.raises(typer.BadParameter, match="is no duration such as 90s, 10m, 2h or 1d"):
            seconds_of(text)


def test_of_a_table_only_the_last_column_is_cut() -> None:
    head, row = table("A B", [("x" * 70, "y" * 20)]).splitlines()
    assert (len(row), row[-1], row[:72], head.split()) == (80, "…", "x" * 70 + "  ", ["A", "B"])
    assert table("A B", [("x" * 90, "\n")]).splitlines()[1].startswith("x" * 90)
