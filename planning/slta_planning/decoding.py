"""Decoding of a file's bytes to lines and tables: gzip, UTF-8 and UTF-16, and the separators of CSV."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from slta.cli.error_messages import UserError

MAX_LINE = 65_536
"""Characters; a longer line counts as several invalid ones."""
OF_EXCEL = re.compile(r"sep=.")
"""A first line that is for Excel."""

Read = Callable[[int], None]
"""Progress callback: number of bytes read since the last call."""


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Raise UserError for an incomplete or corrupt gzip file."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: invalid gzip: {error}") from None


def decoded(raw: BinaryIO, read: Read = lambda _: None) -> Iterator[str]:
    """Decode lines, which end with LF, CR or both; invalid bytes are replaced.

    `read` gets bytes of the file, before decompression. The file is closed at its end.
    """
    stream: BinaryIO = raw
    if raw.peek(2)[:2] == b"\x1f\x8b":  # type: ignore[attr-defined] # a buffered reader
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw))
    encoding, told = _encoding(stream.peek(2)[:2]), 0  # type: ignore[attr-defined]
    with io.TextIOWrapper(stream, encoding, "replace") as text:
        for count, line in enumerate(iter(lambda: text.readline(MAX_LINE), "")):
            if count or not OF_EXCEL.fullmatch(line.rstrip("\n")):
                yield line.lstrip("\0").rstrip("\n")  # a file that was truncated below its writer begins with NULs
            if count % 4096 == 0 and raw.seekable():
                read(raw.tell() - told)
                told = raw.tell()


def _encoding(head: bytes) -> str:
    """UTF-16 is seen from its mark, or from a first character of ASCII; all else is taken for UTF-8."""
    if head in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if head.count(0) != 1:
        return "utf-8-sig"
    return "utf-16-le" if head[0] else "utf-16-be"


def separator(header: str) -> str:
    """The comma, semicolon, tab or bar that the header of a CSV has most, outside quotes."""
    return max(",;\t|", key=re.sub(r'"[^"]*"', "", header).count)


def read_table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV that are not empty, after the number of their line; the first is the header.

    Raises OSError or UserError.
    """
    with path.open("rb") as raw, whole(path):
        lines = list(decoded(raw))
    rows = csv.reader(lines, delimiter=separator(lines[0] if lines else ""), skipinitialspace=True)
    try:
        yield from ((rows.line_num, [cell.strip() for cell in row]) for row in rows if row)
    except csv.Error as error:
        raise UserError(f"{path}: is not CSV: {error}") from None


def unpacked(lines: Iterator[str]) -> Iterator[str]:
    """Lines, or the objects of a JSON array as lines. Raises UserError for an incomplete array."""
    head = next(lines, "")
    if not (head.lstrip().startswith("[") and head.lstrip("[ \t")[:1] in ("", "{")):
        yield from chain([head], lines)
        return
    try:
        yield from map(json.dumps, json.loads("\n".join([head, *lines])))
    except (ValueError, RecursionError) as error:
        raise UserError(f"not a JSON array: {error}") from None
