"""What a node of a cluster may reply, against a server that speaks the protocol and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Connection
from redis.exceptions import MovedError, ResponseError

from slta.models.errors import StoreUnavailableError
from slta.store import Store, StoreSettings
from slta.store._client.cluster import Cluster
from slta.store._client.connections import Connections
from slta.store._client.failures import classify_timeout
from slta.store._client.pipeline import _send
from slta.store._client.topology import Node
from slta.store._client.url import Address, parse_store_url
from tests.store.conftest import Calls


@asynccontextmanager
async def replying(reply: bytes, command: bytes = b"CLUSTER") -> AsyncIterator[str]:
    """A node that replies so to a command, and OK to all else; the store's URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while count := (await reader.readline())[1:]:
            words = [(await reader.readline(), await reader.readline())[1] for _ in range(int(count))]
            writer.write(reply if words[0].rstrip() == command else b"+OK\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"redis+cluster://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


LINE = b"id 127.0.0.1:%s@1 myself,master - 0 0 1 connected %s\n"


@pytest.mark.parametrize(
    "reply",
    [
        bulk(b"no nodes"),
        bulk(b"\xff\xfe"),
        b":5\r\n",
        b"$-1\r\n",
        bulk(LINE % (b"", b"0-9")),
        bulk(LINE % (b"1", b"0-x")),
    ],
    ids=["words", "bytes", "number", "nothing", "port", "slots"],
)
async def test_an_unreadable_reply_is_that_of_a_store_that_is_away(reply: bytes) -> None:
    async with replying(reply) as url:
        store = Store(StoreSettings(url), Calls())
        with pytest.raises(StoreUnavailableError):
            await store.fleets.names()
        await store.close()


async def test_a_malformed_moved_reply_is_the_error_of_its_command_only() -> None:
    async with replying(b"-MOVED 5 nowhere\r\n", b"FCALL") as url:
        connection = Connection(port=int(url.rpartition(":")[2]), decode_responses=True)
        await connection.connect()
        error, reply = await _send(connection, [("FCALL", "f", 0), ("PING",)])
        assert (type(error), reply) == (ResponseError, "OK")
        await connection.disconnect()


async def test_a_call_that_ends_while_the_address_in_a_moved_reply_is_asked_for_has_not_run() -> None:
    async with replying(bulk(LINE % (b"1", b"0-9"))) as url:
        routing = Connections(StoreSettings(url)).routing
        with pytest.raises(TimeoutError) as ended:
            async with asyncio.timeout(0.05):
                await routing.failed(None, "moved", MovedError("5 192.0.2.1:7000"))
        assert not classify_timeout(ended.value).ran
        await routing.close()


async def test_a_moved_reply_for_no_slot_teaches_nothing() -> None:
    async with replying(bulk(LINE % (b"1", b"0-16383"))) as url:
        routing = Connections(StoreSettings(url)).routing
        known = await routing.find("{a}:fleet")
        await routing.failed(known, "moved", MovedError(f"16384 {known[0]}:{known[1]}"))
        assert len(routing.tags()) == 1
        await routing.close()


async def test_a_question_that_is_given_up_and_fails_is_over_with_its_round(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_: Cluster, address: Address) -> list[Node]:
        if address[0] == "silent":
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                raise ConnectionError
        return []

    async def changed(_: object) -> None:
        pass

    monkeypatch.setattr(Cluster, "_ask", ask)
    cluster = Cluster(parse_store_url("redis+cluster://silent,other"), {"connection_class": Connection}, changed)
    await cluster.follow()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await cluster.close()
