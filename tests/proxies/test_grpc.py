"""A gRPC stream through each proxy is one session, on the pool that slta named, until it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import pytest

from testbed.awaiting import eventually
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System

pytestmark = [pytest.mark.proxies]


def library() -> Any:
    """It is installed with the proxies."""
    import_module("grpc.aio")
    return import_module("grpc")


@dataclass
class GrpcPools:
    """Pools that stream back who they are, the session and headers of slta, and then what they are sent."""

    names: list[str]
    ports: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        for name in self.names:
            grpc = library()
            server = grpc.server(ThreadPoolExecutor(2))
            handler = grpc.stream_stream_rpc_method_handler(self._answering(name))
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("play.Play", {"Watch": handler})])
            self.ports[name] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            self._stack.callback(lambda stopped: stopped.stop(None).wait(), server)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def _answering(name: str) -> Callable[[Iterator[bytes], Any], Iterator[bytes]]:
        def answer(messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
            headers = dict(context.invocation_metadata())
            forged = [key for key in headers if key.startswith("x-slta-")]
            yield " ".join([name, headers.get("x-session-id", "-"), *forged]).encode()
            yield from messages

        return answer


@pytest.fixture
def streamed(proxy: Proxy, tmp_path: Path) -> Iterator[System]:
    with System(proxy, tmp_path, follow=True, pools_of=GrpcPools, grpc=True) as made:
        yield made


async def test_a_grpc_stream_is_a_session(streamed: System) -> None:
    grpc = library()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{streamed.setup.port}") as channel:
        call = channel.stream_stream("/play.Play/Watch")(metadata=[("x-slta-pool", "mine"), ("x-session-id", "mine")])
        pool, session = (await call.read()).decode().split()
        assert streamed.pool_of(session) == pool
        await call.write(b"more")
        assert await call.read() == b"more"
        await call.done_writing()
        assert await call.read() == grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
    await eventually(lambda: streamed.active() == 0)
