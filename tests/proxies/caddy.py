"""Caddy's rows: its admin endpoint counts live requests by server, the follower reads its log file."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace

from tests.proxies.installed import WITH_KEY, find, write_key
from tests.proxies.proxy import Edits, Proxy, Setup

POOLS = """\
	import {args[0]} small-1 10.0.0.1:8080 # CHANGE: one line a pool
	import {args[0]} small-2 10.0.0.2:8080
	import {args[0]} large-1 10.0.0.3:8080
"""


def visit_edits(setup: Setup) -> Edits:
    pools = (f"	import {{args[0]}} {pool} 127.0.0.1:{port}\n" for pool, port in setup.pools.items())
    return {
        "admin localhost:2019": f"admin 127.0.0.1:{setup.admin}",
        "http://:80 {": f"http://:{setup.port} {{",
        "127.0.0.1:8080 {": f"127.0.0.1:{setup.slta} {{",
        "/fleets/main/": f"/fleets/{setup.fleet}/",
        "header_up X-Slta-Lease ": f"header_up X-Slta-Lease {setup.lease} # ",
        "vars overflow off": f"vars overflow {'on' if setup.overflow else 'off'}",
        POOLS: "".join(pools),
    }


def edits(setup: Setup) -> Edits:
    return {**visit_edits(setup), "output file /var/log/caddy/": f"output file {setup.folder}/"}


def live(setup: Setup) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{setup.admin}/reverse_proxy/upstreams", timeout=5) as answer:
        figures = {server["address"]: server["num_requests"] for server in json.load(answer)}
    return sum(figures[f"127.0.0.1:{port}"] for port in setup.pools.values())


CADDY = Proxy(
    name="caddy",
    recipe="Caddyfile",
    visits=None,
    command=lambda program, recipe: [*WITH_KEY, program, "run", "--adapter", "caddyfile", "--config", str(recipe)],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/slta.log"],
    prepare=write_key,
    begins=False,
    find=find,
)
CADDY_VISITS = replace(CADDY, recipe="visits.Caddyfile", edits=visit_edits)
