"""What may be set, and what may not be set together."""

from __future__ import annotations

from pathlib import Path

import pytest

from slta.runtime.settings import Settings, SettingsError, read_settings, unknown_variables
from slta.store._client.durability import Durability
from slta.store._client.preflight import ServerRequirements


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"SLTA_{field.upper()}", raising=False)
    monkeypatch.setenv("SLTA_AUTH", "false")


def test_without_settings_only_this_machine_can_come_and_finds_the_documentation() -> None:
    settings = read_settings()
    assert (settings.host, settings.auth, settings.docs_enabled) == ("127.0.0.1", False, True)


def test_an_option_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLTA_PORT", "1")
    monkeypatch.setenv("SLTA_HOST", "::1")
    settings = read_settings(port=2, host=None)
    assert (settings.port, settings.host) == (2, "::1")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])  # noqa: S104 - what is refused
def test_beyond_a_loopback_address_callers_need_keys(host: str) -> None:
    with pytest.raises(SettingsError, match="set SLTA_KEYS_FILE or --keys-file"):
        read_settings(host=host)
    settings = read_settings(host=host, auth=True, keys_file=Path("keys.yaml"))
    assert settings.auth
    assert not settings.docs_enabled


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_address_may_go_without_when_it_is_said(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(host=host, auth=False).auth is False
    monkeypatch.delenv("SLTA_AUTH")
    with pytest.raises(SettingsError, match="SLTA_AUTH=false"):
        read_settings(host=host)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"auth": True}, "neither SLTA_KEYS_FILE nor --keys-file is set"),
        (
            {"auth": False, "keys_file": "k"},
            r"SLTA_AUTH=false and SLTA_KEYS_FILE \(--keys-file\) are mutually exclusive",
        ),
        ({"tls_key": "k"}, "SLTA_TLS_CERTIFICATE and SLTA_TLS_KEY go together"),
        (
            {"store_url": "localhost:6379"},
            "^--store-url must begin with redis://, rediss://, unix://, redis\\+sentinel:",
        ),
        (
            {"store_url": "redis://:s3cret@localhost:http"},
            "^--store-url has a port that is not a number from 1 to 65535",
        ),
        ({"durability": "replicated", "store_url": "redis://h"}, "set both or neither"),
        ({"durability": "fsync", "store_replicas": 2}, "go together"),
        ({"durability": "replicated", "store_replicas": 2}, "SLTA_DURABILITY=replicated requires SLTA_STORE_URL"),
        ({"durability": "replicated", "store_url": "redis://h", "store_replicas": 0}, "greater than or equal to 1"),
        ({"durability": "sometimes"}, "^--durability: .*'async', 'replicated' or 'fsync'"),
        ({"store_checks": "relaxed"}, "^--store-checks: .*boolean"),
        ({"port": 65_536}, "^--port: .*less than or equal to 65535"),
        ({"port": "http"}, "^--port: .*integer"),
        ({"log_level": "loud"}, "^--log-level: .*'debug'"),
        ({"runbook_url": "javascript:alert(1)"}, "^--runbook-url: .*http"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(**given)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SLTA_PORT", "http", "^SLTA_PORT: .*integer"),
        ("slta_lame_duck_seconds", "-1", "^SLTA_LAME_DUCK_SECONDS: .*greater than or equal to 0"),
        ("SLTA_TRUSTED_PROXIES", "10.0.0.0/8, proxy", "^SLTA_TRUSTED_PROXIES: .*network"),
        ("SLTA_STORE_URL", "redis://:s3cret@localhost:http", "^SLTA_STORE_URL has a port that is not"),
    ],
)
def test_the_variable_that_has_the_value_is_named(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message) as refused:
        read_settings()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("link", ["tcp://10.0.0.1:8080", "udp://10.0.0.1:8080", "tcp://[fd00::1]:8080"])
def test_the_address_of_a_kubernetes_service_is_no_port(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLTA_PORT", link)
    assert read_settings().port == 8080
    assert read_settings(port=2).port == 2


CONFIRMED = ServerRequirements(confirmed=True)


@pytest.mark.parametrize(
    ("given", "promise", "requirements", "asks_sync"),
    [
        ({}, Durability(), ServerRequirements(), False),
        ({"durability": "replicated", "store_replicas": 2}, Durability(replicas=2), CONFIRMED, False),
        ({"durability": "fsync"}, Durability(on_disk=True), ServerRequirements(), True),
        ({"durability": "fsync", "store_checks": False}, Durability(on_disk=True), ServerRequirements(), False),
        ({"store_checks": False}, Durability(), ServerRequirements(volatile=True), False),
    ],
)
def test_the_mode_says_what_a_write_needs_and_what_a_server_must_be(
    given: dict[str, object], promise: Durability, requirements: ServerRequirements, *, asks_sync: bool
) -> None:
    settings = read_settings(store_url="redis://h", **given)
    assert (settings.promise, settings.requirements, settings.asks_sync) == (promise, requirements, asks_sync)


def test_hosts_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLTA_ALLOWED_HOSTS", "a.example.org, *.b.example.org,")
    assert read_settings().allowed_hosts == ("a.example.org", "*.b.example.org")


def test_the_store_url_is_not_shown() -> None:
    assert "s3cret" not in repr(read_settings(store_url="redis://:s3cret@localhost"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("DURABILTY", "DURABILITY"), ("store_ulr", "STORE_URL"), ("HSOT", "HOST"), ("PORTS", "PORT")),
        ("DATTA_DR", "DATA_DIR"),
    ],
)
def test_a_misspelled_variable_ends_the_start(name: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SLTA_{name}", "x")
    with pytest.raises(SettingsError, match=f"^SLTA_{name} is not a setting: did you mean SLTA_{meant}\\?$"):
        read_settings()


@pytest.mark.parametrize("name", ["CERT", "STORE", "DATA_DRIVES"])
def test_another_unknown_variable_is_only_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SLTA_{name}", "x")
    assert read_settings()
    assert unknown_variables([f"SLTA_{name}", "SLTA_PORT", "slta_host", "PATH"]) == {f"SLTA_{name}": ""}


def test_the_keys_of_other_commands_are_no_typing_errors() -> None:
    assert unknown_variables(["SLTA_API_KEY", "SLTA_FLEET"]) == {}


OF_A_SERVICE = ["SLTA_SERVICE_HOST", "SLTA_SERVICE_PORT", "SLTA_SERVICE_PORT_HTTP", "SLTA_PORT_8080_TCP"]
OF_A_SERVICE += [f"SLTA_PORT_8080_TCP_{part}" for part in ("PROTO", "PORT", "ADDR")]


def test_variables_of_a_kubernetes_service_are_no_typing_errors() -> None:
    assert unknown_variables([*OF_A_SERVICE, "SLTA_STORE_SERVICE_HOST", "SLTA_STORE_PORT_6379_TCP_ADDR"]) == {}
    assert unknown_variables(["SLTA_SERVICE"]) == {"SLTA_SERVICE": ""}


def test_a_setting_may_be_a_file_in_the_folder_of_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "SLTA_STORE_URL").write_text("redis://ann:s3cret@store\n")
    (tmp_path / "slta_port").write_text("1")
    monkeypatch.setenv("SLTA_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("SLTA_PORT", "2")
    settings = read_settings()
    assert (settings.shared_store_url, settings.port) == ("redis://ann:s3cret@store", 2)
    assert unknown_variables(["SLTA_SECRETS_DIR"]) == {}
    monkeypatch.setenv("SLTA_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="nowhere is not a directory"):
        read_settings()
