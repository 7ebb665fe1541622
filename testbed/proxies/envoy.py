"""Envoy's row: its admin listener counts live requests, the follower reads its log file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import urllib.request
from pathlib import Path

from testbed.processes import Process
from testbed.proxies.key import WITH_KEY, write_key
from testbed.proxies.proxy import Edits, Proxy, Setup

ENDPOINT = """\
        - metadata: {{filter_metadata: {{slta: {{pool: {pool}}}}}}}
          endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}
"""
ENDPOINTS = "".join(
    ENDPOINT.format(pool=pool, host=f"10.0.0.{n}", port=8080)
    for n, pool in enumerate(("small-1", "small-2", "large-1"), start=1)
)
SECRET = b"change-me"
"""The application's, in the recipe as base64url."""


def edits(setup: Setup) -> Edits:
    connections = {
        "path: /var/log/envoy/": f"path: {setup.folder}/",
        "port_value: 9902": f"port_value: {setup.spare}",
        "interval: 300s": f"interval: {max(1, min(setup.lease // 3, 300))}s",
    }
    pools = (ENDPOINT.format(pool=pool, host="127.0.0.1", port=port) for pool, port in setup.pools.items())
    return ({} if setup.visits else connections) | {
        "port_value: 9901": f"port_value: {setup.admin}",
        "address: 0.0.0.0, port_value: 80}": f"address: 127.0.0.1, port_value: {setup.port}}}",
        "address: 127.0.0.1, port_value: 8080": f"address: 127.0.0.1, port_value: {setup.slta}",
        "{http_protocol_options: {}}  # ": f"{{http{'2' if setup.grpc else ''}_protocol_options: {{}}}}  # ",
        "/etc/envoy/": f"{setup.folder}/",
        type_of("default", setup): type_of(setup.session_type, setup),
        "/fleets/main/": f"/fleets/{setup.fleet}/",
        'lease: "': f'lease: "{setup.lease}" # "',
        'overflow: "off"': f'overflow: "{"on" if setup.overflow else "off"}"',
        ENDPOINTS: "".join(pools),
    }


def type_of(session_type: str, setup: Setup) -> str:
    """The line of a route's session type; its anchor is there for the log."""
    return f"session_type: {'' if setup.visits else '&session_type '}{session_type}"


def live(setup: Setup) -> int:
    target = f"http://127.0.0.1:{setup.admin}/stats?filter=^cluster.pools.upstream_rq_active$"
    with urllib.request.urlopen(target, timeout=5) as answer:
        return int(answer.read().decode().split(":")[1])


def signed() -> dict[str, str]:
    """Cookie of an application that knows the recipe's secret: a JSON Web Token."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sid": secrets.token_hex(16)})
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return {"slta_visit": f"{text}.{base64url(hmac.digest(SECRET, text.encode(), hashlib.sha256))}"}


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def reload(_process: Process, recipe: Path) -> Process:
    """A hot restart."""
    base = (recipe.parent / BASE_ID).read_text(encoding="utf-8").strip()
    command = [*command_of(str(ENVOY.program), recipe), "--base-id", base, "--restart-epoch", "1"]
    return Process(*command, cwd=recipe.parent)


def command_of(program: str, recipe: Path) -> list[str]:
    options = ("--log-level", "warning", "--file-flush-interval-msec", "100", "--drain-time-s", "1")
    return [*WITH_KEY, program, *options, "-c", str(recipe)]


BASE_ID = "base-id"
ENVOY = Proxy(
    name="envoy",
    recipe="envoy.yaml",
    visits="visits.yaml",
    command=lambda program, recipe: [*command_of(program, recipe), "--use-dynamic-base-id", "--base-id-path", BASE_ID],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/slta.log"],
    limits=["timeout_ms = 200"],
    prepare=write_key,
    visitor=signed,
    reload=reload,
)
