"""HAProxy's row: its statistics socket counts live connections, the follower reads what it writes to stdout."""

from __future__ import annotations

import csv
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.processes import Process
from testbed.proxies.proxy import Edits, Proxy, Setup

SERVERS = """\
  server small-1 10.0.0.1:8080  # CHANGE: one line a pool
  server small-2 10.0.0.2:8080
  server large-1 10.0.0.3:8080
"""


def command(setup: Setup, line: str) -> str:
    """Reply to a command on the statistics socket."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(f"{setup.folder}/admin.sock")
        admin.sendall(f"{line}\n".encode())
        return b"".join(iter(lambda: admin.recv(65_536), b"")).decode()


def set_share(setup: Setup, percent: int) -> None:
    """As many of the new sessions are placed by slta."""
    answer = command(setup, f"set map slta-share.map share {percent}").strip()
    assert not answer, answer


def edits(setup: Setup) -> Edits:
    place = f"http://127.0.0.1:{setup.slta}/v1/fleets/{setup.fleet}/place"
    return {
        "SLTA_PLACE http://127.0.0.1:8080/v1/fleets/main/place": f"SLTA_PLACE {place}",
        "SLTA_API_KEY change-me": f"SLTA_API_KEY {setup.key}",
        "str(default)": f"str({setup.session_type})",
        "SLTA_LEASE ": f"SLTA_LEASE {setup.lease} #",
        "SLTA_OVERFLOW off": f"SLTA_OVERFLOW {'on' if setup.overflow else 'off'}",
        "/run/haproxy/admin.sock": f"{setup.folder}/admin.sock",
        "bind :80 ": f"bind 127.0.0.1:{setup.port} ",
        "default-server check ": f"default-server check {'proto h2 ' if setup.grpc else ''}",
        SERVERS: "".join(f"  server {pool} 127.0.0.1:{port}\n" for pool, port in setup.pools.items()),
    }


def live(setup: Setup) -> int:
    table = command(setup, "show stat").removeprefix("# ")
    [backend] = [row for row in csv.DictReader(table.splitlines()) if (row["pxname"], row["svname"]) == POOLS]
    return int(backend["scur"])


@contextmanager
def reload(process: Process, _recipe: Path) -> Iterator[None]:
    process.signal(signal.SIGUSR2)
    yield


POOLS = ("pools", "BACKEND")
HAPROXY = Proxy(
    name="haproxy",
    recipe="haproxy.cfg",
    visits="visits.cfg",
    command=lambda program, recipe: [program, "-W", "-db", "-f", str(recipe)],
    edits=edits,
    live=live,
    source=lambda setup: ["--file", f"{setup.folder}/output.log"],
    limits=["httpclient.timeout.connect 50ms", "timeout = 200"],
    reload=reload,
)
