"""nginx's map of pools: deterministic, readable for nginx, and nothing written after an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from slta.cli.commands import app
from slta.cli.error_messages import UserError
from slta_client import http
from slta_integrations.nginx_map import command as nginx_map
from slta_integrations.nginx_map.rendering import PoolAddress, render
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.processes import Process
from testbed.servers import free_port
from tests.inventory import each


def test_the_file_has_a_map_and_an_upstream_for_each_address() -> None:
    pools = [PoolAddress("small-2", None), PoolAddress("small-1", "10.0.0.7:8080"), PoolAddress("large-1", "[::1]:80")]
    assert render("f", pools) == (
        """\
# Pools of the fleet f. Written by `slta nginx-map`: changes here are lost.

map $slta_pool $slta_upstream {
    default "";
    large-1 slta_large-1;
    small-1 slta_small-1;
}

upstream slta_large-1 {
    server [::1]:80;
}

upstream slta_small-1 {
    server 10.0.0.7:8080;
}

# Without an address, left out: small-2
"""
    )


def test_the_order_of_the_pools_does_not_matter() -> None:
    pools = [PoolAddress(f"p-{number}", f"h:{number + 1}") for number in range(20)]
    assert render("f", pools) == render("f", pools[::-1])


@pytest.mark.parametrize("address", ["h:1", "a.b-c.example:65535", "10.0.0.1:80", "[fe80::1]:80", "a_b:80"])
def test_a_host_and_a_port_are_accepted(address: str) -> None:
    assert f"server {address};" in render("f", [PoolAddress("p", address)])


@pytest.mark.parametrize(
    "address",
    [
        *("h", ":80", "h:", "h:0", "h:080", "h:65536", "h:80;", "h:80}", "{h}:80", "h;evil:80", "$host:80", 'h":80'),
        *(
            "unix:/run/s:80",
            "unix:80",
            "10.0.0.256:80",
            "10.0.0:80",
            "fe80::1:80",
            "[fe80::1%eth0]:80",
            "[10.0.0.1]:80",
        ),
        *("http://h:80", "h:80/x", "h\\:80", "-h:80", f"{'x' * 64}:80", "h:٨"),
    ],
)
def test_what_nginx_could_not_read_is_refused_with_the_pool(address: str) -> None:
    with pytest.raises(UserError, match=r"^pool p: nginx needs HOST:PORT as address, not "):
        render("f", [PoolAddress("p", address)])


@pytest.mark.parametrize("other", ["A", "a"])
def test_pools_that_nginx_cannot_tell_apart_are_refused(other: str) -> None:
    pools = [PoolAddress("a:1", "h:1"), PoolAddress(f"{other}_1", "h:2")]
    with pytest.raises(UserError, match="nginx cannot tell them apart, rename one of them"):
        render("f", pools)


# The command


@pytest.fixture
def addressed(fleet: Fleet) -> Fleet:
    """Two pools with addresses, one without, one whose id is a word of nginx, one whose id has a colon."""
    ports = {"c-1": 81, "c-2": 82, "default": 83, "eu:1": 84}
    address(fleet, {pool: f"127.0.0.1:{port}" for pool, port in ports.items()} | {"c-3": None})
    return fleet


def address(fleet: Fleet, pools: Mapping[str, str | None]) -> None:
    entries = [{"pool_id": pool, "pool_class": "c", "address": address} for pool, address in pools.items()]
    fleet.call("POST", "pools", {"pools": entries})


def called(fleet: Fleet, *options: str) -> Any:
    return CliRunner().invoke(app, ["nginx-map", "--url", fleet.service.url, "--fleet", fleet.name, *options])


def test_pools_are_read_page_by_page(addressed: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = called(addressed)
    assert whole.exit_code == 0
    assert whole.stdout.count("server ") == 4
    assert "# Without an address, left out: c-3" in whole.stdout
    monkeypatch.setattr(http, "PAGE", 1)
    assert called(addressed).stdout == whole.stdout


def test_the_file_is_written_once_and_the_exit_code_says_whether(addressed: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "slta-pools.conf"
    assert called(addressed, "--map-file", str(file)).exit_code == 0
    assert file.read_text() == called(addressed).stdout
    before = file.stat()
    assert called(addressed, "--map-file", str(file)).exit_code == 0
    assert called(addressed, "--map-file", str(file), "--exit-code").exit_code == 3
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    file.chmod(0o640)
    addressed.call("PUT", "pools/c-1", {"pool_class": "c", "address": None})
    assert called(addressed, "--map-file", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.glob("*slta-pools*")] == [file.name]


def test_an_address_that_nginx_cannot_read_writes_nothing(addressed: Fleet, tmp_path: Path) -> None:
    addressed.call("PUT", "pools/c-3", {"pool_class": "c", "address": "h:1;}"})
    file = tmp_path / "slta-pools.conf"
    done = called(addressed, "--map-file", str(file))
    assert (done.exit_code, done.stderr) == (2, "slta: pool c-3: nginx needs HOST:PORT as address, not 'h:1;}'\n")
    assert not file.exists()


def test_a_fleet_without_addresses_writes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "slta-pools.conf"
    file.write_text("before")
    address(fleet, dict.fromkeys(("c-1", "c-2", "c-3")))
    done = called(fleet, "--map-file", str(file))
    message = f"slta: no pool of the fleet {fleet.name} has an address: see docs/fleet-file.md\n"
    assert (done.exit_code, done.stderr, file.read_text()) == (2, message, "before")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--url", "127.0.0.1:80"], "slta: Invalid value for '--url' (env var: 'SLTA_URL'): a URL "),
        (["--url", "http://h:x"], "slta: Invalid value for '--url' (env var: 'SLTA_URL'): a URL "),
        (["--fleet", "a/b"], "slta: Invalid value for '--fleet' (env var: 'SLTA_FLEET'): a fleet name "),
        (["--key-file", "/nowhere"], "slta: /nowhere: No such file or directory\n"),
        (["--map-file", "/nowhere/x"], "slta: /nowhere/"),
    ],
)
def test_a_mistake_is_one_line(addressed: Fleet, options: list[str], message: str) -> None:
    done = called(addressed, *options)
    assert done.exit_code == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


@each("body", [{"status": "up"}, {"pools": 3}, {"pools": ["c-1"]}, {"pools": [{"name": "c-1"}]}])
def test_an_answer_of_another_service_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^the service's reply has no pools$"):
        nginx_map.pools_of([body])


# nginx itself

CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    include {map};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            set $slta_pool $http_pool;
            return 200 "$slta_upstream";
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, file: Path) -> Iterator[str]:
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, map=file, port=port))
    url = f"http://127.0.0.1:{port}/"
    with Process("nginx", "-c", configuration, "-p", folder) as process:
        until(lambda: process.poll() is not None or httpx.get(url).is_success, (httpx.TransportError,))
        assert process.poll() is None
        yield url


@pytest.mark.needs("nginx")
def test_nginx_maps_each_pool_to_its_upstream(addressed: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "slta-pools.conf"
    assert called(addressed, "--map-file", str(file)).exit_code == 0
    pools = ("c-1", "c-2", "c-3", "default", "eu:1", "elsewhere", "")
    with nginx(tmp_path, file) as url:
        mapped = {pool: httpx.get(url, headers={"Pool": pool}).text for pool in pools}
    names = {"c-1": "slta_c-1", "c-2": "slta_c-2", "default": "slta_default", "eu:1": "slta_eu_1"}
    assert mapped == dict.fromkeys(pools, "") | names
