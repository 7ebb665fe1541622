"""The store that tests share: one server, or three masters of a cluster where SLTA_TEST_STORE is `cluster`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisCluster

from testbed.clusters import cluster
from testbed.servers import EMBEDDED, TextRedis, running_server

IS_CLUSTER = os.environ.get("SLTA_TEST_STORE") == "cluster"
SCHEME = "redis+cluster://"


@contextmanager
def running_store(binary: str = EMBEDDED) -> Iterator[str]:
    """Start the store; its URL."""
    if not IS_CLUSTER:
        with running_server(binary) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="slta-") as folder, cluster(Path(folder), binary, replicas=0) as made:
        yield made.url


def connect(url: str, **options: Any) -> TextRedis:
    """A client of plain commands, which finds the master of a key by itself."""
    if url.startswith(SCHEME):
        host, _, _ = url.removeprefix(SCHEME).partition(",")
        return RedisCluster.from_url(f"redis://{host}", **options)
    return Redis.from_url(url, **options)


def connect_as_text(url: str) -> TextRedis:
    """Client of plain commands, with replies as text that keeps every byte."""
    return connect(url, encoding="latin-1", decode_responses=True)
