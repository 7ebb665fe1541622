"""A stop under load: how many requests are lost when one of two dispatchers ends, behind HAProxy as http and as tcp.

The clients keep their connections and never ask twice. A request is lost when its connection breaks, or when the
balancer answers it by itself. The table is Markdown, for docs/operations.md.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from lab.benchmarks import bench_tables
from lab.benchmarks.running import require, start_listening
from tests.servers import EMBEDDED, free_port, own_server

CLIENTS = 16
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 3.0
"""Load before the signal, and after the process has ended."""
FLEET = (
    '{"classes": [{"name": "c", "utility": {"kind": "log_share", "resource": 1000}, "capacity": 4096, "pools": 16}]}'
)
BALANCER = """\
defaults
  mode {mode}
  option redispatch 1
  retries 3
  timeout connect 500ms
  timeout client 30s
  timeout server 30s
  option httpchk GET /readyz
  http-check send hdr Host localhost
  default-server check inter 1s fastinter 250ms fall 2 rise 1
frontend api
  bind 127.0.0.1:{port}
  default_backend dispatchers
backend dispatchers
  balance roundrobin
  server one 127.0.0.1:{one}
  server two 127.0.0.1:{two}
"""


@dataclass
class Load:
    """Clients that assign and complete in turn until told to stop. `lost` by what was seen instead of an answer."""

    port: int
    asked: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)

    def client(self, number: int) -> None:
        """One client."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        round_ = 0
        while not self.stopping.is_set():
            round_ += 1
            for call in ("assign", "complete"):
                self._ask(connection, call, f'{{"session_id": "s-{number}-{round_}"}}')
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, call: str, body: str) -> None:
        self.asked += 1
        headers = {"Content-Type": "application/json", "Host": "localhost"}
        try:
            connection.request("POST", f"/v1/fleets/f/{call}", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.headers["X-Request-ID"] is None:
                self.lost[str(answer.status)] += 1
        except (OSError, http.client.HTTPException) as error:
            self.lost[type(error).__name__] += 1
            connection.close()


def stop_under_load(mode: str, lame_duck_seconds: float) -> Load:
    """One of two dispatchers ends while the clients ask."""
    with tempfile.TemporaryDirectory(prefix="slta-bench-") as name, ExitStack() as stack:
        folder, store = Path(name), stack.enter_context(own_server())
        one, two, port = free_port(), free_port(), free_port()
        settings = {"SLTA_STORE_URL": store.url, "SLTA_AUTH": "off", "SLTA_LOG_LEVEL": "error"}
        settings |= {"SLTA_LAME_DUCK_SECONDS": str(lame_duck_seconds)}
        command = [sys.executable, "-m", "slta.cli", "serve"]
        ending, _ = (
            start_listening(stack, folder, command, own, {**settings, "SLTA_PORT": str(own)}) for own in (one, two)
        )
        _create_fleet(one)
        balancer = folder / "haproxy.cfg"
        balancer.write_text(BALANCER.format(mode=mode, port=port, one=one, two=two), encoding="utf-8")
        start_listening(stack, folder, [require("haproxy"), "-db", "-f", str(balancer)], port, {})
        return _loaded(port, ending, lame_duck_seconds)


def _loaded(port: int, ending: int, lame_duck_seconds: float) -> Load:
    load = Load(port)
    clients = [threading.Thread(target=load.client, args=[number]) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(BEFORE_SECONDS)
    os.kill(ending, signal.SIGTERM)
    time.sleep(lame_duck_seconds + AFTER_SECONDS)
    load.stopping.set()
    for client in clients:
        client.join()
    return load


def _create_fleet(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("PUT", "/v1/fleets/f", FLEET, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.CREATED:
        raise RuntimeError(answer.read())
    connection.close()


def main() -> int:
    """Measure and print; 1 when a request was lost by a process that had a lame duck's time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lame-duck-seconds", type=float, default=5.0)
    options = parser.parse_args()
    print(bench_tables.describe(bench_tables.machine(EMBEDDED)))
    print("\n| balancer | lame duck | runs | requests | lost, by run | as |\n|---|---:|---:|---:|---|---|", flush=True)
    lost_by_ducks = 0
    for mode in ("http", "tcp"):
        for seconds in (0.0, options.lame_duck_seconds):
            loads = [stop_under_load(mode, seconds) for _ in range(options.runs)]
            lost = [load.lost.total() for load in loads]
            lost_by_ducks += sum(lost) if seconds else 0
            seen = sum((load.lost for load in loads), Counter[str]())
            kinds = ", ".join(f"{kind} {count}" for kind, count in seen.most_common()) or "–"
            asked = sum(load.asked for load in loads)
            runs = ", ".join(map(str, lost))
            print(f"| HAProxy, {mode} | {seconds:g} s | {len(loads)} | {asked:,} | {runs} | {kinds} |", flush=True)
    return 1 if lost_by_ducks else 0


if __name__ == "__main__":
    sys.exit(main())
