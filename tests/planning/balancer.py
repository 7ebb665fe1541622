"""A log of a real balancer: HAProxy or nginx, least connections with weights, real sessions of known length.

Everything is on loopback. The mean load is changed half way.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from lab.benchmarks.running import filled_in, require, start_listening
from testbed.certificates import certificate_in
from testbed.servers import free_port

HERE = Path(__file__).parent
FLEET = """\
fleet: behind-a-balancer
classes:
  - {name: linear, utility: {kind: linear, slope: 1}, capacity: 60, pools: 4}
  - {name: quadratic, utility: {kind: quadratic, linear: 2, quadratic: -0.05}, capacity: 40, pools: 4}
  - {name: saturating, utility: {kind: capped_linear, slope: 1.5, cap: 20}, capacity: 40, pools: 4}
"""
POOLS = {"linear": 4, "quadratic": 4, "saturating": 4}
WEIGHTS = {"linear": 10, "quadratic": 10, "saturating": 20}
"""As an operator sets them who knows that the last class serves twice as many."""
LOADS = (3.0, 9.0)
"""Sessions per pool, first and second half."""
LOG_SECONDS = 10.0
HANDSHAKE_SECONDS = 0.3
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
TELL = "option http-no-delay\n  http-response set-header x-pool %s"
"""HAProxy names the pool in the answer, and does not hold the header back until more of the answer has come."""
LOOK_UP = "http-response set-header x-pool %[srv_name,map({})]"
"""HAProxy names the pool of a server with another name, from a map file."""
SERVERS = {
    pool: f"srv-{k}" for k, pool in enumerate((f"{name}-{i + 1}" for name, n in POOLS.items() for i in range(n)), 1)
}
"""Names that operators give: no word of the class."""
MAPS = ["--map", "srv-[1-4]=linear", "--map", "srv-[5-8]=quadratic", "--map", r"srv-(\d+)=saturating"]


class Load(NamedTuple):
    """How long sessions come, and how long each stays on average, in seconds; through TLS; requests of each."""

    seconds: float
    mean_seconds: float
    tls: bool = False
    requests: int = 1


class Session(NamedTuple):
    """One session as its client saw it, in seconds since 1970."""

    start: float
    duration: float
    pool: str


class Proxy(NamedTuple):
    """HAProxy's mode, lines of backend and frontend, its servers' names and options, the balance, TLS, environment."""

    mode: str = "http"
    tell: str = TELL
    front: str = ""
    names: Mapping[str, str] = {}
    server: str = ""
    balance: str = "leastconn"
    tls: bool = False
    environment: Mapping[str, str] = {}


def haproxy(stack: ExitStack, folder: Path, ports: Mapping[str, int], proxy: Proxy) -> tuple[int, Path]:
    """HAProxy in front of the pools; its port and the file it logs to."""
    port, bind = free_port(), proxy.front
    servers = "\n".join(
        f"  server {proxy.names.get(pool, pool)} 127.0.0.1:{at} weight {weight_of(pool)} {proxy.server}"
        for pool, at in ports.items()
    )
    if proxy.tls:
        certificate, key = certificate_in(folder)
        (folder / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        bind = f"ssl crt {folder / 'both.pem'}"
    words = {"MODE": proxy.mode, "LOG": f"{proxy.mode}log", "PORT": str(port), "SERVERS": servers, "TELL": proxy.tell}
    words |= {"BIND": bind, "BALANCE": proxy.balance}
    configuration = filled_in(HERE / "balancer-haproxy.cfg", words, folder)
    start_listening(stack, folder, [require("haproxy"), "-db", "-f", configuration], port, proxy.environment)
    return port, folder / f"{port}.log"


def nginx(stack: ExitStack, folder: Path, ports: Mapping[str, int]) -> tuple[int, Path]:
    """nginx in front of the pools; its port and the file it logs to."""
    port = free_port()
    words = {
        "USER": "user root;" if os.geteuid() == 0 else "",
        "FOLDER": str(folder),
        "PORT": str(port),
        "NAMES": "\n".join(f'    "~\\d (.* )?127\\.0\\.0\\.1:{at}$" {pool};' for pool, at in ports.items()),
        "DEAD": str(free_port()),
        "SERVERS": "\n".join(f"    server 127.0.0.1:{at} weight={weight_of(pool)};" for pool, at in ports.items()),
    }
    configuration = filled_in(HERE / "balancer-nginx.conf", words, folder)
    start_listening(stack, folder, [require("nginx"), "-p", str(folder), "-c", configuration], port, {})
    return port, folder / f"{port}.log"


Start = Callable[[ExitStack, Path, Mapping[str, int]], tuple[int, Path]]

DEAD = "  server dead 127.0.0.1:1 weight 10"


STICK = "  stick-table type string len 32 size 10k expire 1m\n  stick on req.cook(SID)"
REQUESTS = Proxy(tell=f"{TELL}\n{STICK}", front="\n  capture cookie SID= len 32")
"""All requests of a session go to one pool."""


def through(proxy: Proxy) -> Start:
    """Start such an HAProxy."""
    return lambda stack, folder, ports: haproxy(stack, folder, ports, proxy)


BALANCERS: Mapping[str, Start] = {
    "haproxy-http": through(Proxy()),
    "haproxy-queue": through(Proxy(server="maxconn 5")),
    "haproxy-tcp": through(Proxy("tcp", "", server="maxconn 5")),
    "haproxy-tls": through(Proxy("tcp", "", server="maxconn 5", tls=True)),
    "haproxy-refused": through(Proxy("http", f"{TELL}\n  retries 0\n{DEAD}", balance="roundrobin")),
    "haproxy-retried": through(Proxy("http", f"{TELL}\n  option redispatch 1\n{DEAD}", balance="roundrobin")),
    "nginx": nginx,
}
"""With `maxconn` sessions wait. `refused`: a server refuses its connections; `retried`: they go to the next one, as
with nginx, which always tries such a server first.
"""


def named_servers(map_file: Path | None = None) -> Start:
    """HAProxy whose servers are called srv-1 to srv-12; with a map file it names their pools."""
    tell = LOOK_UP.format(map_file) if map_file else ""
    return through(Proxy("http", tell, names=SERVERS))


def weight_of(pool: str) -> int:
    """The weight of a pool's class."""
    return WEIGHTS[pool.rpartition("-")[0]]


@asynccontextmanager
async def pools(seen: list[Session]) -> AsyncIterator[dict[str, int]]:
    """A server for each pool, whose answer to GET /SECONDS begins at once and ends after so many; the port of each.

    Each adds the connections that it had to `seen`.
    """
    async with AsyncExitStack() as stack:
        ports = {}
        for pool in (f"{name}-{k}" for name, count in POOLS.items() for k in range(1, count + 1)):
            server = await asyncio.start_server(_holding(pool, seen), "127.0.0.1", 0)
            ports[pool] = server.sockets[0].getsockname()[1]
            await stack.enter_async_context(server)
        yield ports


def _holding(pool: str, seen: list[Session]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start = time.time()
        request = await reader.readline()
        if request:
            writer.write(b"HTTP/1.1 200 OK\r\nx-server: %s\r\ncontent-length: 1\r\n" % pool.encode())
            writer.write(b"connection: close\r\n\r\n")
            await asyncio.sleep(float(request.split()[1].lstrip(b"/")))
            writer.write(b".")
            seen.append(Session(start, time.time() - start, pool))
        writer.close()

    return hold


class Watcher:
    """Hears of each session while it lives; `id_` is one for each."""

    async def began(self, id_: str, pool: str) -> None:
        """The answer's header has come: the session is on this pool."""

    async def ended(self, id_: str) -> None:
        """The answer is over."""


class CopyTruncate(Watcher):
    """Rotates the log in a folder as logrotate's `copytruncate` does, in the midst of the sessions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def ended(self, id_: str) -> None:
        if id_ == "s-150":
            (log,) = self._folder.glob("*.log")
            shutil.copy(log, f"{log}.1")
            os.truncate(log, 0)


async def play(port: int, load: Load, watcher: Watcher) -> list[Session]:
    """Sessions as a Poisson process with exponential durations, each on a connection of its own, to their ends."""
    draws = random.Random(7)
    began = time.time()
    at = 0.0
    sessions: list[asyncio.Task[Session]] = []
    async with asyncio.TaskGroup() as group:
        while at < load.seconds:
            rate = LOADS[at >= load.seconds / 2] * sum(POOLS.values()) / load.mean_seconds
            at += draws.expovariate(rate)
            await asyncio.sleep(max(0.0, began + at - time.time()))
            seconds, id_ = draws.expovariate(1 / load.mean_seconds), f"s-{len(sessions)}"
            sessions.append(group.create_task(_session(port, load, seconds, id_, watcher)))
    return [session.result() for session in sessions]


async def _session(port: int, load: Load, seconds: float, id_: str, watcher: Watcher) -> Session:
    start = time.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if load.tls:
        await asyncio.sleep(HANDSHAKE_SECONDS)
        await writer.start_tls(TLS)
    request = b"GET /%f HTTP/1.1\r\nhost: pools\r\ncookie: SID=%s\r\n" % (seconds / load.requests, id_.encode())
    for _ in range(load.requests - 1):
        writer.write(request + b"\r\n")
        await reader.readuntil(b"\r\n\r\n.")
    writer.write(request + b"connection: close\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    pool = _header(head, "x-pool") or _header(head, "x-server") or ""  # the balancer's word, else the server's own
    await watcher.began(id_, pool)
    await reader.read()
    writer.close()
    duration = time.time() - start
    await watcher.ended(id_)
    return Session(start, duration, pool)


def _header(head: bytes, name: str) -> str | None:
    values = [line.partition(": ")[2] for line in head.decode().splitlines() if line.lower().startswith(f"{name}: ")]
    return values[0] if values else None


async def record(folder: Path, balancer: str | Start, load: Load, watcher: Watcher | None = None) -> Path:
    """Play the load; write fleet.yaml and client.csv into `folder`, and return the balancer's log. Raises Missing."""
    with ExitStack() as stack:
        seen: list[Session] = []
        async with pools(seen) as ports:
            start = BALANCERS[balancer] if isinstance(balancer, str) else balancer
            port, log = await asyncio.to_thread(start, stack, folder, ports)
            sessions = await play(port, load, watcher or Watcher())
            await asyncio.to_thread(_wait_for, log, len(sessions) * load.requests)
    (folder / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    (folder / "pools.csv").write_text(_as_csv(seen), encoding="utf-8")
    (folder / "client.csv").write_text(_as_csv(sessions), encoding="utf-8")
    return log


def _wait_for(log: Path, sessions: int) -> None:
    """Wait until the balancer has logged the last sessions, which it does after their clients have left."""
    deadline = time.monotonic() + LOG_SECONDS
    while sum(file.read_bytes().count(b"\n") for file in log.parent.glob(f"{log.name}*")) < sessions:
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _as_csv(sessions: Sequence[Session]) -> str:
    return "\n".join(["start_s,duration_s,pool", *[f"{s.start:.6f},{s.duration:.6f},{s.pool}" for s in sessions], ""])
