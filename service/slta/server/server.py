"""The HTTP server: uvicorn's, with an acceptor, a TLS certificate, signal handlers and a shutdown of our own."""

from __future__ import annotations

import asyncio
import errno
import re
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from slta.parsing.file_watch import Stamp, stamp_of
from slta.server.connection_limits import ConnectionLimits

BACKLOG = 2048
RECEIVE_BUFFER = {False: 32_768, True: 16_384}
"""SO_RCVBUF without and with TLS (Linux doubles it). It also bounds a single read. TLS gets less because it buffers
plaintext and ciphertext."""
SEND_BUFFER = 131_072
"""SO_SNDBUF: bytes of responses that the kernel buffers for a client that does not read."""
SHUTDOWN_SIGNALS = (signal.SIGINT, signal.SIGTERM)
MAX_ACCEPTS_PER_ITERATION = 16
"""Maximum connections accepted in one iteration of the event loop."""
PAUSE_SECONDS = 0.01
"""Pause before accepting again when the process is out of file descriptors."""
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
EXPLICIT_VERSION, UTC_TIME = 0xA0, 0x17
"""Tags of DER."""

log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The process cannot listen with these settings."""


class Server(uvicorn.Server):
    """uvicorn's server with its own signal handlers; unlike uvicorn's they do not raise the signal again at exit."""

    def __init__(
        self,
        config: uvicorn.Config,
        limits: ConnectionLimits,
        on_shutdown: Callable[[], None],
        lame_duck_seconds: float = 0,
    ) -> None:
        """`on_shutdown` is called at shutdown, to close event streams that would delay it."""
        super().__init__(config)
        self._limits = limits
        self._lame_duck_seconds = lame_duck_seconds
        self._on_shutdown = on_shutdown

    def install_signal_handlers(self) -> None:
        """Call `request_shutdown` on SIGINT and SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in SHUTDOWN_SIGNALS:
            loop.add_signal_handler(number, self.request_shutdown)

    def request_shutdown(self) -> None:
        """Shut down after the lame-duck period; on a second call at once, on a third without finishing requests.

        During the lame-duck period it still accepts and answers requests, but `/readyz` reports `ending` and each
        response closes its connection.
        """
        if self._lame_duck_seconds and not self._limits.ending:
            log.info("ending", lame_duck_seconds=self._lame_duck_seconds)
            self._limits.ending = True
            asyncio.get_running_loop().call_later(self._lame_duck_seconds, self.stop)
        else:
            self.force_exit = self.should_exit
            self.stop()

    def stop(self) -> None:
        """Stop accepting, finish requests in progress, and exit."""
        self._limits.ending = self.should_exit = True
        self._on_shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting, and log the URLs."""
        protocol: Any = self.config.http_protocol_class
        new_connection = partial(protocol, config=self.config, server_state=self.server_state)
        servers: Any = [Acceptor(listener, new_connection, self._limits, self.config.ssl) for listener in sockets or []]
        self.servers = servers
        self.started = True
        scheme = "https" if self.config.is_ssl else "http"
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            log.info("listening", url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """Close expired connections once a second; uvicorn calls this ten times a second."""
        if counter % 10 == 0:
            self._limits.close_expired(self.server_state.connections, asyncio.get_running_loop().time())  # type: ignore[arg-type]
        return await super().on_tick(counter)


def bind(host: str, port: int, *, has_tls: bool = False) -> socket.socket:
    """Bind a listening socket; port 0 chooses a free one. Raises ListenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER[has_tls])
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    return listener


class Acceptor:
    """Acceptor of one listening socket, with the shutdown methods of `asyncio.Server`.

    asyncio's own server reports a connection only after its handshake, accepts the whole backlog in one iteration, and
    when descriptors run out pauses for a second or drops connections instead of evicting idle ones.
    """

    def __init__(
        self,
        listener: socket.socket,
        new_protocol: Callable[[], asyncio.Protocol],
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Start accepting at once. Requires a running event loop."""
        self._listener = listener
        self._new_protocol = new_protocol
        self._limits = limits
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)  # noqa: FBT003 - the socket's own
        self._resume()

    def close(self) -> None:
        """Stop accepting, and cancel handshakes in progress."""
        self._loop.remove_reader(self._listener)
        if self._pause:
            self._pause.cancel()
        for task in self._connecting:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until all handshakes have ended."""
        await asyncio.gather(*self._connecting, return_exceptions=True)

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(MAX_ACCEPTS_PER_ITERATION):
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # the client disconnected, or this process is out of descriptors
                if error.errno in NO_DESCRIPTORS:
                    self._shed()
                return
            self._start(client, address[0])

    def _start(self, client: socket.socket, address: str) -> None:
        client.setblocking(False)  # noqa: FBT003 - the socket's own
        protocol = self._new_protocol()
        task = self._loop.create_task(self._connect(client, protocol))
        self._connecting.add(task)
        task.add_done_callback(partial(self._on_connected, client, protocol))
        if self._tls:
            self._limits.handshakes.admit(task, address)

    async def _connect(self, client: socket.socket, protocol: asyncio.Protocol) -> None:
        if self._tls is None:
            await self._loop.connect_accepted_socket(lambda: protocol, client)
            return
        async with asyncio.timeout(self._limits.handshake_seconds):
            await self._wait_readable(client)  # a TLS object takes 60 KiB: none for clients that send nothing
            await self._loop.connect_accepted_socket(lambda: protocol, client, ssl=self._tls)

    async def _wait_readable(self, client: socket.socket) -> None:
        is_readable = asyncio.Event()
        self._loop.add_reader(client, is_readable.set)
        try:
            await is_readable.wait()
        finally:
            self._loop.remove_reader(client)

    def _on_connected(self, client: socket.socket, protocol: asyncio.Protocol, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        self._limits.handshakes.release(task)
        error = None if task.cancelled() else task.exception()
        if error and self._tls:
            self._limits.refuse("handshake_failed")
        if error or task.cancelled():
            client.close()
            protocol.connection_lost(None)  # uvloop calls it with TLS; without, not after a cancel. Twice is harmless.
        if error and not isinstance(error, OSError):
            raise error

    def _shed(self) -> None:
        """Evict idle connections, and accept again once their descriptors are closed."""
        self._limits.refuse("no_descriptors")
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
        for _ in range(MAX_ACCEPTS_PER_ITERATION):
            if not self._limits.connections.evict_idle() and not self._limits.handshakes.evict_idle():
                break


class Certificate:
    """A certificate file and its key file."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises ListenError if the files cannot be loaded."""
        self._files = (certificate, key)
        self._stamps = self._read_stamps()
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self.ends = not_after(certificate)
        """Unix time until which it is valid, 0 if the file does not say so in a form that is read here."""

    def reload_if_changed(self, live: ssl.SSLContext) -> bool:
        """Load changed files into the `live` context, for new connections; return whether they had changed.

        Raises ListenError if they cannot be loaded, for example when only one of them has been replaced yet; the old
        certificate stays in use.
        """
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # a failed load would leave the live context unusable
        self._load(live)
        self.ends = not_after(self._files[0])
        return True

    def _read_stamps(self) -> tuple[Stamp, ...]:
        return tuple(stamp_of(path) for path in self._files)

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(f"cannot use {certificate} with key {key}: {error.strerror or error}") from None


def not_after(certificate: Path) -> float:
    """Unix time of `notAfter` of the first certificate of a file, see RFC 5280, section 4.1; 0 if it cannot be read."""
    try:
        found = re.search(r"-----BEGIN CERT.*?-----END CERTIFICATE-----", certificate.read_text(), re.DOTALL)
        [(_, signed)] = _elements(ssl.PEM_cert_to_DER_cert(found[0] if found else ""))
        _, body = next(_elements(signed))
        _, validity = [element for element in _elements(body) if element[0] != EXPLICIT_VERSION][3]
        tag, text = [*_elements(validity)][1]
        form = "%y%m%d%H%M%SZ" if tag == UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode(), form).replace(tzinfo=UTC).timestamp()
    except (OSError, ValueError, LookupError, StopIteration):
        return 0.0


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of the elements that DER text consists of."""
    while der:
        size, begin = der[1], 2
        if size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(der[2:begin])
        yield der[0], der[begin : begin + size]
        der = der[begin + size :]
