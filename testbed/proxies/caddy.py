"""Caddy's row: its admin endpoint counts live requests by server, the follower reads its log file."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from testbed.proxies.key import WITH_KEY, write_key
from testbed.proxies.proxy import Edits, Proxy, Setup

POOLS = """\
	import {args[0]} small-1 10.0.0.1:8080 # CHANGE: one line a pool
	import {args[0]} small-2 10.0.0.2:8080
	import {args[0]} large-1 10.0.0.3:8080
"""


SECRET = secrets.token_bytes()


def edits(setup: Setup) -> Edits:
    log = {"output file /var/log/caddy/": f"output file {setup.folder}/"}
    log |= {"protocols h1 h2 h3 #": f"protocols {'h1 h2c' if setup.grpc else 'h1 h2 h3'} #"}
    application = {"10.0.0.9:8080": f"127.0.0.1:{setup.spare}"}
    pools = (f"	import {{args[0]}} {pool} 127.0.0.1:{port}\n" for pool, port in setup.pools.items())
    return (application if setup.visits else log) | {
        "admin localhost:2019": f"admin 127.0.0.1:{setup.admin}",
        "http://:80 {": f"http://:{setup.port} {{",
        "bind 0.0.0.0": "bind 127.0.0.1",
        "versions 1.1 2 #": f"versions {'h2c' if setup.grpc else '1.1 2'} #",
        "127.0.0.1:8080 {": f"127.0.0.1:{setup.slta} {{",
        "slta_type default #": f"slta_type {setup.session_type} #",
        "/fleets/main/": f"/fleets/{setup.fleet}/",
        "header_up X-Slta-Lease ": f"header_up X-Slta-Lease {setup.lease} # ",
        "vars overflow off #": f"vars overflow {'on' if setup.overflow else 'off'} #",
        POOLS: "".join(pools),
    }


def live(setup: Setup) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{setup.admin}/reverse_proxy/upstreams", timeout=5) as answer:
        figures = {server["address"]: server["num_requests"] for server in json.load(answer)}
    return sum(figures[f"127.0.0.1:{port}"] for port in setup.pools.values())


class Application(BaseHTTPRequestHandler):
    """Check of the cookie `<id>.<HMAC of id>`."""

    def do_GET(self) -> None:
        visit, _, mac = self.headers.get("Cookie", "").removeprefix("slta_visit=").partition(".")
        self.send_response(204)
        if hmac.compare_digest(mac, mac_of(visit)):
            self.send_header("X-Session-Id", visit)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def mac_of(visit: str) -> str:
    return hmac.digest(SECRET, visit.encode(), hashlib.sha256).hex()


def signed() -> dict[str, str]:
    """Cookie of the application."""
    visit = secrets.token_hex(16)
    return {"slta_visit": f"{visit}.{mac_of(visit)}"}


def prepare(setup: Setup) -> None:
    write_key(setup)
    if setup.visits:
        application = ThreadingHTTPServer(("127.0.0.1", setup.spare), Application)
        Thread(target=application.serve_forever, daemon=True).start()


CADDY = Proxy(
    name="caddy",
    recipe="Caddyfile",
    visits="visits.Caddyfile",
    command=lambda program, recipe: [*WITH_KEY, program, "run", "--adapter", "caddyfile", "--config", str(recipe)],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/slta.log"],
    limits=["dial_timeout 50ms", "response_header_timeout 200ms"],
    prepare=prepare,
    begins=False,
    visitor=signed,
)
