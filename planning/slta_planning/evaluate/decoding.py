"""Decoding of a log's bytes to lines, which may be gzipped."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
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
    if stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):  # type: ignore[attr-defined]
        raise UnusableError("the log is UTF-16: save it as UTF-8")
    told = 0
    for count, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b"")):
        yield line.decode("utf-8-sig" if count == 0 else "utf-8", errors="replace").rstrip("\r\n")
        if count % 4096 == 0 and raw.seekable():
            read(raw.tell() - told)
            told = raw.tell()


def unpacked(lines: Iterator[str]) -> Iterator[str]:
    """Lines, or the objects of a JSON array as lines. Raises Unusable for an incomplete array."""
    head = next(lines, "")
    if not (head.lstrip().startswith("[") and head.lstrip("[ \t")[:1] in ("", "{")):
        yield from chain([head], lines)
        return
    try:
        yield from map(json.dumps, json.loads("\n".join([head, *lines])))
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"not a JSON array: {error}") from None
