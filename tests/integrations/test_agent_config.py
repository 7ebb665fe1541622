"""The agent's configuration file: what is accepted, and errors that name the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slta.cli.error_messages import UserError
from slta_integrations.agent.config import AgentFile, load
from tests.inventory import each

POOL = "pools: [{pool_id: p, pool_class: c}]"


def loaded(folder: Path, text: str, **environment: str) -> AgentFile:
    (folder / "agent.yaml").write_text(text)
    return load(folder / "agent.yaml", environment)


def test_a_fleet_and_a_pool_are_enough(tmp_path: Path) -> None:
    file = loaded(tmp_path, f"fleet: f\n{POOL}")
    assert (file.url, file.ttl_seconds, file.drain_seconds) == ("http://127.0.0.1:8080", 10, 300)
    assert (file.pools[0].pool_id, file.pools[0].address, file.pools[0].labels) == ("p", None, {})


def test_variables_of_the_environment_are_replaced_but_not_in_commands(tmp_path: Path) -> None:
    text = """
fleet: f
pools:
  - pool_id: ${HOST}-1
    pool_class: c
    address: ${IP}:80
    labels: {zone: "${ZONE}"}
    sessions: {command: [sh, -c, "echo ${HOST}"]}
"""
    [pool] = loaded(tmp_path, text, HOST="h", IP="10.0.0.7", ZONE="a").pools
    assert (pool.pool_id, pool.address, pool.labels) == ("h-1", "10.0.0.7:80", {"zone": "a"})
    assert pool.sessions
    assert pool.sessions.command == ["sh", "-c", "echo ${HOST}"]


MISTAKES: dict[str, tuple[str, str]] = {
    "empty": ("", "must be an object with fields"),
    "no pools": ("fleet: f", "pools: field required"),
    "empty pools": ("fleet: f\npools: []", "pools: list should have at least 1 item"),
    "misspelt": (f"fleet: f\nttl: 10\n{POOL}", "ttl: is not a known field"),
    "misspelt in a pool": (
        "fleet: f\npools: [{pool_id: p, pool_clas: c}]",
        "pools[0].pool_clas: is not a known field; did you mean pool_class?",
    ),
    "lease": (f"fleet: f\nttl_seconds: 1\n{POOL}", "ttl_seconds: input should be greater than or equal to 2"),
    "lease with a fraction": (f"fleet: f\nttl_seconds: 2.5\n{POOL}", "ttl_seconds: input should be a valid integer"),
    "drain": (f"fleet: f\ndrain_seconds: .inf\n{POOL}", "drain_seconds: input should be a finite number"),
    "url": (f"fleet: f\nurl: 127.0.0.1:80\n{POOL}", "url: a URL begins with http://"),
    "url with a user": (f"fleet: f\nurl: http://a@b\n{POOL}", "url: a URL begins with http://"),
    "url with a port that cannot be": (f"fleet: f\nurl: http://b:70000\n{POOL}", "url: a URL begins with http://"),
    "url with a query": (f"fleet: f\nurl: http://b?c\n{POOL}", "url: a URL begins with http://"),
    "url with a space": (f"fleet: f\nurl: http://b/c d\n{POOL}", "url: a URL begins with http://"),
    "id": ("fleet: f\npools: [{pool_id: a b, pool_class: c}]", "pools[0].pool_id: must be a name"),
    "address": ("fleet: f\npools: [{pool_id: p, pool_class: c, address: a b}]", "pools[0].address: must have 1 to 255"),
    "twice": (
        "fleet: f\npools: [{pool_id: p, pool_class: c}, {pool_id: p, pool_class: d}]",
        "pools: duplicate pool_id",
    ),
    "two sources": (
        "fleet: f\npools: [{pool_id: p, pool_class: c, health: {command: [a], url: 'http://b'}}]",
        "pools[0].health: must have one of command and url",
    ),
    "no source": (
        "fleet: f\npools: [{pool_id: p, pool_class: c, count: {timeout_seconds: 1}}]",
        "pools[0].count: must have one of command and url",
    ),
    "command as a text": (
        "fleet: f\npools: [{pool_id: p, pool_class: c, health: {command: a b}}]",
        "pools[0].health.command: input should be a valid list",
    ),
    "the agent's label": (
        "fleet: f\npools: [{pool_id: p, pool_class: c, labels: {slta.agent: x}}]",
        "pools[0]: labels: slta.agent is the agent's own",
    ),
    "sixteen labels": (
        f"fleet: f\npools: [{{pool_id: p, pool_class: c, labels: {{{', '.join(f'k{n}: x' for n in range(16))}}}}}]",
        "pools[0]: labels: too many or too long, the agent adds one of its own",
    ),
    "duplicate": (f"fleet: f\nfleet: g\n{POOL}", "not valid YAML: duplicate key in"),
    "not YAML": ("fleet: [", "not valid YAML: "),
    "no date": (f"fleet: 2001-99-99\n{POOL}", "not valid YAML"),
    "variable": (
        "fleet: f\npools: [{pool_id: '${NO}', pool_class: c}]",
        "pools[0].pool_id: the environment variable NO",
    ),
}


@each("name", MISTAKES)
def test_a_mistake_names_the_file_and_the_field(tmp_path: Path, name: str) -> None:
    text, message = MISTAKES[name]
    with pytest.raises(UserError) as error:
        loaded(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path}/agent.yaml: {message}"), error.value


@pytest.mark.parametrize("field", [{"labels": {"k": "x" * 1010}}, {"labels": {"k": "ü" * 505}}])
def test_labels_leave_room_for_that_of_the_agent(field: Any) -> None:
    with pytest.raises(ValueError, match="too many or too long"):
        AgentFile.model_validate({"fleet": "f", "pools": [{"pool_id": "p", "pool_class": "c", **field}]})
