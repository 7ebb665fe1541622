"""Envoy's rows: its admin listener counts live requests, the follower reads its log file."""

from __future__ import annotations

import urllib.request
from dataclasses import replace

from tests.proxies.installed import WITH_KEY, find, write_key
from tests.proxies.proxy import Edits, Proxy, Setup

ENDPOINT = """\
        - metadata: {{filter_metadata: {{slta: {{pool: {pool}}}}}}}
          endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}
"""
ENDPOINTS = "".join(
    ENDPOINT.format(pool=pool, host=f"10.0.0.{n}", port=8080)
    for n, pool in enumerate(("small-1", "small-2", "large-1"), start=1)
)
SECRET = "change-me"
"""With which the application signs visits, in the recipe as base64url."""


def visit_edits(setup: Setup) -> Edits:
    pools = (ENDPOINT.format(pool=pool, host="127.0.0.1", port=port) for pool, port in setup.pools.items())
    return {
        "port_value: 9901": f"port_value: {setup.admin}",
        "address: 0.0.0.0, port_value: 80}": f"address: 127.0.0.1, port_value: {setup.port}}}",
        "address: 127.0.0.1, port_value: 8080": f"address: 127.0.0.1, port_value: {setup.slta}",
        "/etc/envoy/": f"{setup.folder}/",
        "/fleets/main/": f"/fleets/{setup.fleet}/",
        'lease: "': f'lease: "{setup.lease}" # "',
        'overflow: "off"': f'overflow: "{"on" if setup.overflow else "off"}"',
        ENDPOINTS: "".join(pools),
    }


def edits(setup: Setup) -> Edits:
    return {**visit_edits(setup), "path: /var/log/envoy/": f"path: {setup.folder}/"}


def live(setup: Setup) -> int:
    target = f"http://127.0.0.1:{setup.admin}/stats?filter=^cluster.pools.upstream_rq_active$"
    with urllib.request.urlopen(target, timeout=5) as answer:
        return int(answer.read().decode().split(":")[1])


OPTIONS = ("--disable-hot-restart", "--log-level", "warning", "--file-flush-interval-msec", "100")
ENVOY = Proxy(
    name="envoy",
    recipe="envoy.yaml",
    visits=None,
    command=lambda program, recipe: [*WITH_KEY, program, *OPTIONS, "-c", str(recipe)],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/slta.log"],
    prepare=write_key,
    find=find,
)
ENVOY_VISITS = replace(ENVOY, recipe="visits.yaml", edits=visit_edits)
