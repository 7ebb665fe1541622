"""Decoding of a log's bytes to lines, which may be gzipped."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from slta_planning.errors import UnusableError

MAX_LINE_BYTES = 65_536
"""Bytes; a longer line counts as several invalid ones."""

Read = Callable[[int], None]
"""Progress callback: number of bytes read since the last call."""


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Raise Unusable for an incomplete or corrupt gzip file."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnusableError(f"{path}: invalid gzip: {error}") from None


def decoded(raw: BinaryIO, read: Read) -> Iterator[str]:
    """Decode lines, replacing invalid bytes; `read` gets bytes of the file, before decompression."""
    stream: BinaryIO = raw
    if raw.peek(2)[:2] == b"\x1f\x8b":  # type: ignore[attr-defined] # a buffered reader
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw))
    told = 0
    for count, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b"")):
        yield line.decode("utf-8-sig" if count == 0 else "utf-8", errors="replace").rstrip("\r\n")
        if count % 4096 == 0 and raw.seekable():
            read(raw.tell() - told)
            told = raw.tell()
