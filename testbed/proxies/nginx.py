"""nginx's row: `stub_status` counts live connections, the follower reads its log file."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import urllib.request
from pathlib import Path

from slta_integrations.nginx_map.rendering import PoolAddress, render
from testbed.proxies.proxy import Edits, Proxy, Setup

SERVERS = """\
    server 10.0.0.1:8080;  # CHANGE: one line a pool
    server 10.0.0.2:8080;
    server 10.0.0.3:8080;
"""


GRPC = {"  # grpc_": "  grpc_", "proxy_pass http://$slta_t": "grpc_pass grpc://$slta_t"}
GRPC |= {"proxy_pass http://own": "grpc_pass grpc://own", "    listen 80;": "    http2 on; listen 80;"}


def edits(setup: Setup) -> Edits:
    return (GRPC if setup.grpc else {}) | {
        "user www-data;": "user root;" if os.geteuid() == 0 else "",
        "http {": f"http {{ {temporary_files(setup.folder)}",
        "/run/nginx.pid": f"{setup.folder}/nginx.pid",
        "/var/log/nginx": str(setup.folder),
        "server 127.0.0.1:8080": f"server 127.0.0.1:{setup.slta}",
        SERVERS: "".join(f"    server 127.0.0.1:{port};\n" for port in setup.pools.values()),
        "$slta_overflow { default off; }": f"$slta_overflow {{ default {'on' if setup.overflow else 'off'}; }}",
        "listen 80;": f"listen 127.0.0.1:{setup.port};",
        "slta_type default;": f"slta_type {setup.session_type};",
        "/fleets/main/": f"/fleets/{setup.fleet}/",
        "Bearer change-me": f"Bearer {setup.key}",
        f"X-Slta-Lease {60 if setup.visits else 23760};": f"X-Slta-Lease {setup.lease};",
        "listen 127.0.0.1:8082": f"listen 127.0.0.1:{setup.admin}",
    }


def temporary_files(folder: Path) -> str:
    """Directives of temporary files, in a folder of ours: Debian's belongs to root."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def write_pools(setup: Setup) -> None:
    """Write the output of `slta nginx-map`."""
    addresses = [PoolAddress(pool, f"127.0.0.1:{port}") for pool, port in setup.pools.items()]
    (setup.folder / "slta-pools.conf").write_text(render(setup.fleet, addresses), encoding="utf-8")


def live(setup: Setup) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{setup.admin}/nginx_status", timeout=5) as answer:
        figures = dict(re.findall(r"(\w+): (\d+)", answer.read().decode()))
    return int(figures["Reading"]) + int(figures["Writing"]) - 1  # the request for these figures is one


def signed() -> dict[str, str]:
    """Cookies of an application that knows the recipe's secret."""
    visit = secrets.token_hex(16)
    mac = base64.urlsafe_b64encode(hashlib.md5(f"{visit} change-me".encode(), usedforsecurity=False).digest())
    return {"slta_visit": visit, "slta_mac": mac.decode().rstrip("=")}


NGINX = Proxy(
    name="nginx",
    recipe="nginx.conf",
    visits="visits.conf",
    command=lambda program, recipe: [program, "-p", str(recipe.parent), "-c", str(recipe), "-g", "daemon off;"],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/slta.log"],
    limits=["proxy_connect_timeout 50ms", "proxy_send_timeout 200ms", "proxy_read_timeout 200ms"],
    prepare=write_pools,
    begins=False,
    visitor=signed,
)
