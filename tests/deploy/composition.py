"""The composition of docker-compose.yml for tests: built, started, and taken down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from deploy import make_secrets
from testbed.engine import Engine, base_image, compose, engine
from testbed.servers import free_port
from tests.deploy.test_queries import Prometheus
from tests.deploy.tree import PARTS as OF_A_WHEEL
from tests.deploy.tree import copy_of_the_tree

ROOT = Path(__file__).resolve().parents[2]
OVERLAY = "docker-compose.proxies.yml"
CLUSTER = "docker-compose.cluster.yml"
PARTS = (
    *OF_A_WHEEL,
    "Dockerfile",
    ".dockerignore",
    "docker-compose.yml",
    OVERLAY,
    CLUSTER,
    "requirements.txt",
    "deploy",
)
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PROJECT = "slta-compose-test"
OVERLAY_PROJECT = "slta-proxies-test"
OVERLAY_SERVICES = ("proxy", "edge")
"""Services that `make compose-proxies` names; they need the others."""
CLUSTER_PROJECT = "slta-cluster-test"


@dataclass
class Stack:
    """The running composition."""

    folder: Path
    engine: Engine
    command: Sequence[str]
    services: Sequence[str]
    secrets: dict[str, str]
    http_port: int
    prometheus: Prometheus
    project: str = PROJECT

    def compose(self, *arguments: str, check: bool = True) -> str:
        return self.engine.run(*self.command, *arguments, check=check)

    def bash(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run what an operator pastes, in the folder of docker-compose.yml."""
        files = self.command[self.command.index("-f") + 1 :: 2][:2]
        settings = {"COMPOSE_FILE": ":".join(files), "COMPOSE_PROJECT_NAME": self.project, **self.engine.environment}
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=os.environ | settings | ({"DOCKER_HOST": self.engine.host} if self.engine.host else {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def redis_cli(self, user: str, password: str, *command: str) -> str:
        """The answer of Redis to a user of the ACL file."""
        words = ["exec", "-i", self.containers("redis")[0], "redis-cli", "--user", user, "--askpass"]
        return self.engine.docker(*words, *command, given=password + "\n")

    def pool_of(self, session: str) -> str:
        """That of a session of the default fleet; empty while nobody answers or knows it."""
        with suppress(OSError):
            return str(self.call("GET", f"default/sessions/{session}", "ADMIN_KEY")["pool_id"])
        return ""

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.docker("inspect", container))[0]
        return found

    def call(self, method: str, path: str, key: str, body: object = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/v1/fleets/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.secrets[key]}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
            return found


@contextmanager
def composition(folder: Path) -> Iterator[Stack]:
    """The composition, built and started; taken down at the end, and nothing of it may be left."""
    copied = copy_of_the_tree(folder / "tree", PARTS)
    shutil.rmtree(copied / "deploy/secrets", ignore_errors=True)
    make_secrets.write(copied)
    images = {name: service["image"] for name, service in FILE["services"].items()} | {"build": base_image(ROOT)}
    with engine(folder, images) as docker:
        services = [name for name in FILE["services"] if not (docker.stand_ins and name == "grafana")]
        http, prometheus, grafana = free_port(), free_port(), free_port()
        docker.environment = {
            "SLTA_HTTP_PORT": str(http),
            "PROMETHEUS_PORT": str(prometheus),
            "GRAFANA_PORT": str(grafana),
        }
        override = folder / "override.yml"
        network = "{network: host}" if docker.stand_ins else "{}"
        override.write_text(f"services: {{dispatcher: {{build: {network}}}}}\n", encoding="utf-8")
        command = [*compose(copied / "docker-compose.yml", override), "--project-name", PROJECT]
        secrets = make_secrets.read_environment((copied / ".env").read_text(encoding="utf-8"))
        url = f"http://127.0.0.1:{prometheus}"
        running = Stack(copied, docker, command, services, secrets, http, Prometheus(url))
        with started(running, "--build", *services):
            yield running


@contextmanager
def overlay(base: Stack, edge_port: int) -> Iterator[Stack]:
    """The composition with HAProxy before three pools, beside the base and from its images."""
    with _beside(base, OVERLAY, OVERLAY_PROJECT, {"EDGE_PORT": str(edge_port)}, OVERLAY_SERVICES) as running:
        yield running


@contextmanager
def on_a_cluster(base: Stack) -> Iterator[Stack]:
    """The dispatchers and their proxy on a cluster of six nodes, in the same way."""
    with _beside(base, CLUSTER, CLUSTER_PROJECT, {}, ["proxy"]) as running:
        yield running


@contextmanager
def _beside(base: Stack, file: str, project: str, ports: dict[str, str], services: Sequence[str]) -> Iterator[Stack]:
    http = free_port()
    docker = replace(base.engine, environment=base.engine.environment | {"SLTA_HTTP_PORT": str(http)} | ports)
    command = [*compose(base.folder / "docker-compose.yml", base.folder / file), "--project-name", project]
    running = replace(base, engine=docker, command=command, http_port=http, project=project)
    with started(running, "--no-build", *services):
        yield running


@contextmanager
def started(stack: Stack, *options: str) -> Iterator[None]:
    """`docker compose up` with these options and services until the end of the block."""
    try:
        stack.compose("up", "--detach", "--wait", "--wait-timeout", "180", *options)
        yield
    finally:
        sys.stdout.write(stack.compose("logs", "--no-color", "--tail", "50", check=False)[-20_000:])
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")
        assert left_over(stack) == []


def left_over(stack: Stack) -> list[str]:
    lists = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
    mine = ["--quiet", "--filter", f"label=com.docker.compose.project={stack.project}"]
    return [line for words in lists for line in stack.engine.docker(*words, *mine).split()]


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)
