"""The servers of the sides: each started on a loopback port with a store of its own, and ended by its process id."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.benchmarks import peers
from slta.store._client.durability import Mode
from testbed.awaiting import until
from testbed.processes import Process, environment
from testbed.servers import EMBEDDED, Server, free_port, own_server
from testbed.service_process import ServiceProcess, key_file

HERE = Path(__file__).parent
MAX_FILES = 16_384
LUA_LIBRARIES = Path("/usr/share/lua/5.1")
NGINX_MODULES = Path("/usr/lib/nginx/modules")
NGINX_MODULE_FILES = ("ndk_http_module.so", "ngx_http_lua_module.so")


class MissingToolError(Exception):
    """A side cannot be measured on this machine; the message says what it lacks."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A side's processes, by their ids. `store` is None where it has none; `key` is '' where none is needed."""

    urls: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    store: Server | None = None
    key: str = ""


Start = Callable[[ExitStack, Path, int], Running]
"""Starts so many processes in a folder, to be ended by the stack. Raises Missing."""


def ours(*, needs_key: bool = False, durability: Mode = "async") -> Start:
    """Dispatchers on one store."""

    def start(stack: ExitStack, folder: Path, count: int) -> Running:
        store = _store(stack, durability)
        keys, [key] = key_file(folder, ["admin"])
        settings = {"SLTA_STORE_URL": store.url, "SLTA_DURABILITY": durability}
        settings |= {"SLTA_STORE_REPLICAS": "1"} if durability == "replicated" else {}
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= MAX_FILES:
            settings["SLTA_MAX_CONNECTIONS"] = str(MAX_FILES // 2)  # all clients have one address, which gets half
        started = dispatchers(stack, folder, count, settings, keys_file=keys if needs_key else None)
        return replace(started, store=store, key=key if needs_key else "")

    return start


def dispatchers(stack: ExitStack, folder: Path, count: int, settings: Mapping[str, str], **options: Any) -> Running:
    """So many, which are ready."""
    made = [ServiceProcess(Path(tempfile.mkdtemp(dir=folder)), settings=settings, **options) for _ in range(count)]
    started = [stack.enter_context(one) for one in made]
    return Running(urls=tuple(one.url for one in started), processes=tuple(one.pid for one in started))


def uvicorn(application: str, *, is_factory: bool, has_store: bool) -> Start:
    """An application of peers.py under uvicorn, as it is deployed: uvloop, httptools, no access log."""

    def start(stack: ExitStack, folder: Path, count: int) -> Running:
        store = _store(stack) if has_store else None
        options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        options += ["--factory"] if is_factory else ["--lifespan", "off"]

        def one(port: int) -> int:
            served = f"lab.benchmarks.peers:{application}"
            command = [sys.executable, "-m", "uvicorn", served, "--port", str(port), *options]
            return start_listening(stack, folder, command, port, {"PEER_STORE_URL": store.url if store else ""})

        return _started(one, count, store)

    return start


def httptools_floor(stack: ExitStack, folder: Path, count: int) -> Running:
    """The bare protocol of httptools_floor.py."""

    def one(port: int) -> int:
        command = [sys.executable, "-m", "lab.benchmarks.httptools_floor", str(port)]
        return start_listening(stack, folder, command, port, {})

    return _started(one, count, None)


def nginx(stack: ExitStack, folder: Path, count: int) -> Running:
    """nginx with its Lua module, one worker each."""
    program = require("nginx")
    modules = [NGINX_MODULES / name for name in NGINX_MODULE_FILES]
    if not all(path.exists() for path in modules):
        raise MissingToolError("nginx's Lua module is not installed (Debian: libnginx-mod-http-lua)")
    if not any((LUA_LIBRARIES / name / "redis.lua").exists() for name in ("resty", "nginx")):
        raise MissingToolError("Lua's client of Redis is not installed (Debian: lua-nginx-redis)")
    store = _store(stack)
    with store.client() as redis:
        digest = redis.script_load(peers.SCRIPT.read_text(encoding="utf-8"))

    def one(port: int) -> int:
        own = Path(tempfile.mkdtemp(dir=folder))
        words = {
            "MODULES": "\n".join(f"load_module {path};" for path in modules),
            "USER": "user root;" if os.geteuid() == 0 else "",  # else its workers could not open the socket
            "FOLDER": str(own),
            "LUA": str(LUA_LIBRARIES),
            "SOCKET": store.url.removeprefix("unix://"),
            "SHA": str(digest),
            "PORT": str(port),
        }
        configuration = filled_in(HERE / "nginx.conf", words, own)
        return start_listening(stack, folder, [program, "-p", str(own), "-c", configuration], port, {})

    return _started(one, count, store)


def haproxy(stack: ExitStack, folder: Path, count: int) -> Running:
    """HAProxy with one thread each."""
    program = require("haproxy")

    def one(port: int) -> int:
        own = Path(tempfile.mkdtemp(dir=folder))
        configuration = filled_in(HERE / "haproxy.cfg", {"PORT": str(port), "FOLDER": str(own)}, own)
        return start_listening(stack, folder, [program, "-db", "-f", configuration], port, {})

    return _started(one, count, None)


def store_alone(stack: ExitStack, folder: Path, count: int) -> Running:
    """A store, and nothing in front of it."""
    del folder, count
    return Running(store=_store(stack))


STARTS: Mapping[tuple[str, bool], Start] = {
    ("ours", False): ours(),
    ("ours", True): ours(needs_key=True),
    ("ours-replicated", False): ours(durability="replicated"),
    ("ours-fsync", False): ours(durability="fsync"),
    ("least_loaded", False): uvicorn("least_loaded", is_factory=True, has_store=True),
    ("nothing", False): uvicorn("nothing", is_factory=True, has_store=False),
    ("bare", False): uvicorn("bare", is_factory=False, has_store=False),
    ("httptools", False): httptools_floor,
    ("nginx", False): nginx,
    ("haproxy", False): haproxy,
    ("store", False): store_alone,
}
"""(server, whether it needs keys) → how it is started."""


@contextmanager
def running(server: str, count: int, *, needs_key: bool) -> Iterator[Running]:
    """A side's server, as so many processes, ended afterwards. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="slta-bench-") as folder, ExitStack() as stack:
        yield STARTS[server, needs_key](stack, Path(folder), count)


def _store(stack: ExitStack, durability: Mode = "async") -> Server:
    """The embedded Valkey as the mode needs it; no rewrite of its append-only file is measured as operations."""
    port = str(free_port())
    options = ["--auto-aof-rewrite-percentage", "0", "--repl-diskless-sync-delay", "0"]
    options += ["--appendfsync", "always"] if durability == "fsync" else []
    store = stack.enter_context(own_server(EMBEDDED, *options, "--port", port))
    if durability == "replicated":
        following = ["--port", str(free_port()), "--replicaof", "127.0.0.1", port]
        stack.enter_context(own_server(EMBEDDED, *options, *following))
        with store.client() as redis:
            until(lambda: redis.wait(1, 100))
    return store


def require(name: str) -> str:
    """Where a program is. Raises Missing."""
    path = shutil.which(name)
    if path is None:
        raise MissingToolError(f"{name} is not on PATH")
    return path


def filled_in(template: Path, words: Mapping[str, str], folder: Path) -> str:
    """A configuration in `folder`, its @WORDS@ replaced; its path."""
    text = template.read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    path = folder / template.name
    path.write_text(text, encoding="utf-8")
    return str(path)


def _started(one: Callable[[int], int], count: int, store: Server | None) -> Running:
    """So many of `one`, which starts on a port and gives its process id."""
    ports = [free_port() for _ in range(count)]
    processes = tuple(one(port) for port in ports)
    return Running(urls=tuple(f"http://127.0.0.1:{port}" for port in ports), processes=processes, store=store)


def start_listening(
    stack: ExitStack, folder: Path, command: Sequence[str], port: int, settings: Mapping[str, str]
) -> int:
    """Start a process; its id, when it listens. The stack ends it. Raises AssertionError with its last words."""
    process = Process(*command, log=folder / f"{port}.log", port=port, env=environment(**settings))
    return stack.enter_context(process).pid
