"""The image, the composition and the secrets are what the documentation says, as far as no engine is needed."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import make_secrets
from slta.api.http.guards import TrustedProxies
from slta.auth.keys import Access, Principal
from slta.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OVERLAY = yaml.safe_load((ROOT / "docker-compose.proxies.yml").read_text(encoding="utf-8"))
CLUSTER = yaml.safe_load((ROOT / "docker-compose.cluster.yml").read_text(encoding="utf-8"))
NODES = {name: service for name, service in CLUSTER["services"].items() if name.startswith("redis")}
JOIN = {"join": CLUSTER["services"]["join"]}
PROXIES = ROOT / "deploy/proxies"
OWN = {name: service for name, service in OVERLAY["services"].items() if name not in SERVICES}
"""Services that the overlay adds."""
SECRETS = make_secrets.random_secrets()


def run(*command: str | Path, **environment: str) -> None:
    given = os.environ | environment
    done = subprocess.run([*map(str, command)], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_clean() -> None:
    run(Path(sys.executable).parent / "hadolint", ROOT / "Dockerfile")


def test_the_image_is_built_from_hashes_and_runs_as_nobody_important() -> None:
    build, last = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert "# syntax=" not in DOCKERFILE
    assert re.findall(r"^FROM \S+:(\d+\.\d+\.\d+-\S+)", DOCKERFILE, re.MULTILINE), "pinned to a patch version"
    assert "--require-hashes --only-binary :all:" in build
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user
    assert min(map(int, user.groups())) >= 10_000
    assert 'ENTRYPOINT ["slta"]' in last
    assert 'CMD ["python", "-m", "slta.runtime.health_check"]' in last


@pytest.mark.needs("docker-compose")
@pytest.mark.parametrize("overlays", [[], ["docker-compose.proxies.yml"], ["docker-compose.cluster.yml"]])
def test_the_compose_file_is_valid_with_the_secrets_of_env_and_each_overlay(
    tmp_path: Path, overlays: list[str]
) -> None:
    file = tmp_path / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()), encoding="utf-8")
    files = [word for name in ("docker-compose.yml", *overlays) for word in ("--file", ROOT / name)]
    run("docker-compose", *files, "--env-file", file, "config", "--quiet")


@pytest.mark.parametrize("file", [COMPOSE, OVERLAY, CLUSTER], ids=["base", "proxies", "cluster"])
def test_no_network_has_a_subnet_that_the_machine_may_have_too(file: dict[str, Any]) -> None:
    assert [name for name, network in file.get("networks", {}).items() if "ipam" in network] == []


@pytest.mark.needs("haproxy")
def test_the_overlay_runs_the_recipe_with_other_places_only(tmp_path: Path) -> None:
    recipe = PROXIES / "haproxy/haproxy.cfg"
    script = ["sed", "--file", str(PROXIES / "compose/haproxy.sed"), str(recipe)]
    edited = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    changed = [after for before, after in zip(recipe.read_text().splitlines(), edited.splitlines(), strict=True)
               if before != after]  # fmt: skip
    pools = re.findall(r"^  server (\S+) \1:8080 ", "\n".join(changed), re.MULTILINE)
    assert set(pools) == {name for name, service in OWN.items() if service["networks"] == ["pools"]}
    assert [line.split()[:2] for line in changed[: -len(pools)]] == [["log", "/run/slta/log.sock"]] * 2
    (tmp_path / "haproxy.cfg").write_text(edited, encoding="utf-8")
    files = ("-f", tmp_path / "haproxy.cfg", "-f", PROXIES / "compose/containers.cfg")
    run("haproxy", "-c", "-C", PROXIES / "haproxy", *files)


def test_the_pools_of_the_overlay_are_those_of_its_fleet() -> None:
    fleet = yaml.safe_load((PROXIES / "compose/fleet.yaml").read_text(encoding="utf-8"))
    named = {f"{one['name']}-{n}" for one in fleet["classes"] for n in range(1, one["pools"] + 1)}
    assert named == {name for name, service in OWN.items() if service["networks"] == ["pools"]}
    assert make_secrets.RESTRICTIONS["PLACE_KEY"]["fleets"] == [fleet["fleet"]]
    bound = Principal("", frozenset(), None, frozenset(make_secrets.RESTRICTIONS["FOLLOW_KEY"]["pools"]))
    assert [pool for pool in named if not bound.may_use_pool(pool)] == []


@pytest.mark.needs("docker-compose")
def test_without_secrets_compose_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("", encoding="utf-8")
    command = ["docker-compose", "--file", str(ROOT / "docker-compose.yml"), "--env-file", str(file), "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "make compose" in done.stderr


@pytest.mark.needs("haproxy")
def test_the_proxy_accepts_its_configuration() -> None:
    run("haproxy", "-c", "-f", ROOT / "deploy/haproxy/haproxy.cfg")


@pytest.mark.parametrize("name", SERVICES | OWN | JOIN)
def test_a_service_is_pinned_locked_down_and_on_loopback(name: str) -> None:
    service = (SERVICES | OWN | JOIN)[name]
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["cpus"]
    assert service["mem_limit"]
    assert service["restart"] == "unless-stopped"
    assert service.get("healthcheck", {"interval": "1s"})["interval"] == "1s"
    assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert not service.get("privileged")


def test_only_redis_and_the_dispatchers_are_on_the_stores_network() -> None:
    assert COMPOSE["networks"]["store"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "store" in service["networks"]} == {"redis", "dispatcher"}


def test_the_composition_believes_the_proxy_and_nobody_else_reaches_a_dispatcher() -> None:
    dispatcher = SERVICES["dispatcher"]
    assert "ports" not in dispatcher
    trusted = TrustedProxies(
        Settings(auth=False, trusted_proxies=dispatcher["environment"]["SLTA_TRUSTED_PROXIES"]).trusted_proxies
    )
    for proxy in ("172.18.0.5", "192.168.16.5"):  # the engine's own ranges
        assert trusted.forwarded_client(proxy, "203.0.113.1") == "203.0.113.1"


def test_a_dispatcher_has_the_time_to_be_a_lame_duck_and_to_finish() -> None:
    dispatcher = COMPOSE["services"]["dispatcher"]
    lame_duck = float(dispatcher["environment"]["SLTA_LAME_DUCK_SECONDS"])
    assert lame_duck > 0
    grace = float(dispatcher["stop_grace_period"].removesuffix("s"))
    assert grace > lame_duck + Settings.model_fields["shutdown_timeout_seconds"].default


def test_redis_keeps_everything_and_evicts_nothing() -> None:
    words = SERVICES["redis"]["command"]
    options = {name: words[at + 1] for at, name in enumerate(words) if name.startswith("--")}
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--aclfile"] == "/run/secrets/users.acl"


def test_each_node_of_the_cluster_has_its_name_and_data_and_keeps_everything_as_one_redis_does() -> None:
    alone = " ".join(SERVICES["redis"]["command"])
    options = {"--appendonly", "--appendfsync", "--maxmemory", "--maxmemory-policy", "--aclfile"}
    for name, node in NODES.items():
        given = dict(re.findall(r"(--\S+) (\S+)", node["entrypoint"][-1]))
        assert {option: given[option] for option in options} == dict(
            pair for pair in re.findall(r"(--\S+) (\S+)", alone) if pair[0] in options
        )
        assert node["hostname"] == name
        assert node.get("volumes", ["redis-data:/data"]) == [f"{name}-data:/data"]
    script = (ROOT / "deploy/cluster/join.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"redis(?:-\d)?(?=[ )])", script.partition("nodes=(")[2].partition("\n")[0])) == set(NODES)


def test_env_is_written_once_for_the_owner_only_and_everything_follows_from_it(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    make_secrets.write(tmp_path)
    environment = tmp_path / ".env"
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    first = environment.read_text(encoding="utf-8")
    written = {path.name: path.stat().st_ino for path in (tmp_path / "deploy/secrets").iterdir()}
    assert stat.S_IMODE((tmp_path / "deploy/secrets").stat().st_mode) == 0o700
    make_secrets.write(tmp_path)
    assert environment.read_text(encoding="utf-8") == first
    assert {path.name: path.stat().st_ino for path in (tmp_path / "deploy/secrets").iterdir()} == written
    secrets = COMPOSE["secrets"] | CLUSTER["secrets"]
    assert {Path(secret["file"]).name for secret in secrets.values()} == set(written)


def test_the_dispatchers_accept_the_keys_and_know_their_scopes(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(make_secrets.key_file(SECRETS), encoding="utf-8")
    access = Access.load(path)
    for name, scopes in make_secrets.SCOPES.items():
        caller = access.identify(f"Bearer {SECRETS[name]}")
        assert caller
        assert sorted(caller.scopes) == sorted(scopes)
        restricted = make_secrets.RESTRICTIONS.get(name, {})
        assert sorted(caller.fleets or ()) == sorted(restricted.get("fleets", ()))
        assert sorted(caller.pools or ()) == sorted(restricted.get("pools", ()))
    assert access.identify(f"Bearer {make_secrets.random_secrets()['ADMIN_KEY']}") is None
    assert [name for name, secret in SECRETS.items() if secret in path.read_text(encoding="utf-8")] == []


def test_an_old_key_is_accepted_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    old = make_secrets.random_secrets()["LOADGEN_KEY"]
    path.write_text(make_secrets.key_file(SECRETS | {"LOADGEN_KEY_OLD": old}), encoding="utf-8")
    access = Access.load(path)
    assert access.identify(f"Bearer {old}")
    assert access.identify(f"Bearer {SECRETS['LOADGEN_KEY']}")


@pytest.mark.parametrize("value", ["short", "with space and more", "a$b" * 9, "p@ss:word/with#signs"])
def test_a_password_that_a_url_or_a_shell_reads_otherwise_is_refused(value: str) -> None:
    lines = "".join(f"{name}={text}\n" for name, text in (SECRETS | {"STORE_PASSWORD": value}).items())
    with pytest.raises(make_secrets.SecretsError, match="STORE_PASSWORD") as refused:
        make_secrets.read_environment(lines)
    assert value not in str(refused.value)


def test_the_example_names_every_secret_and_holds_none() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert set(SECRETS) | {f"{name}_OLD" for name in (*make_secrets.PASSWORDS, *make_secrets.SCOPES)} <= set(named)
    assert [name for name in SECRETS if named[name]] == []
