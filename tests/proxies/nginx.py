"""nginx's row: `stub_status` counts live connections, the follower reads its log file."""

from __future__ import annotations

import os
import re
import urllib.request

from tests.proxies.proxy import Edits, Proxy, Setup

SERVERS = """\
    server 10.0.0.1:8080;  # CHANGE: one line a pool
    server 10.0.0.2:8080;
    server 10.0.0.3:8080;
"""


def edits(setup: Setup) -> Edits:
    return {
        "user www-data;": "user root;" if os.geteuid() == 0 else "",
        "http {": f"http {{ {temporary_files(setup)}",
        "/run/nginx.pid": f"{setup.folder}/nginx.pid",
        "/var/log/nginx": str(setup.folder),
        "server 127.0.0.1:8080": f"server 127.0.0.1:{setup.slta}",
        SERVERS: "".join(f"    server 127.0.0.1:{port};\n" for port in setup.pools.values()),
        "$slta_overflow { default off; }": f"$slta_overflow {{ default {'on' if setup.overflow else 'off'}; }}",
        "listen 80;": f"listen 127.0.0.1:{setup.port};",
        "/fleets/main/": f"/fleets/{setup.fleet}/",
        "Bearer change-me": f"Bearer {setup.key}",
        "X-Slta-Lease 23760": f"X-Slta-Lease {setup.lease}",
        "listen 127.0.0.1:8081": f"listen 127.0.0.1:{setup.admin}",
    }


def temporary_files(setup: Setup) -> str:
    """Debian's folder belongs to root."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {setup.folder}/{kind};" for kind in kinds)


def write_pools(setup: Setup) -> None:
    """As `slta nginx-map` writes them."""
    upstreams = [f"upstream slta_{pool} {{ server 127.0.0.1:{port}; }}" for pool, port in setup.pools.items()]
    names = [f"  {pool} slta_{pool};" for pool in setup.pools]
    lines = ["map $slta_pool $slta_upstream {", "  default own_choice;", *names, "}", *upstreams, ""]
    (setup.folder / "slta-pools.conf").write_text("\n".join(lines), encoding="utf-8")


def live(setup: Setup) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{setup.admin}/nginx_status", timeout=5) as answer:
        figures = dict(re.findall(r"(\w+): (\d+)", answer.read().decode()))
    return int(figures["Reading"]) + int(figures["Writing"]) - 1  # the request for these figures is one


NGINX = Proxy(
    name="nginx",
    recipe="nginx.conf",
    visits="visits.conf",
    command=lambda program, recipe: [program, "-p", str(recipe.parent), "-c", str(recipe), "-g", "daemon off;"],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/slta.log"],
    prepare=write_pools,
    begins=False,
)
