"""The spool: a log that the tail reads, in segments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slta_integrations.follow.log_tail import LogTail
from slta_integrations.follow.position import Position
from slta_integrations.follow.spool import Spool

SEGMENT = 4


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.log", SEGMENT)
    yield made
    made.close()


@pytest.fixture
def tail(spool: Spool) -> Iterator[LogTail]:
    made = LogTail(spool.path, Position(None, 0, "", 0), rotate_wait_seconds=0)
    yield made
    made.close()


def read(tail: LogTail) -> list[bytes | None]:
    lines = []
    for _ in range(5):
        tail.look()
        lines += [line.text for line in tail.read(9).lines]
    return lines


def segments(spool: Spool) -> int:
    return len(list(spool.path.parent.iterdir()))


def test_lines_are_read_across_segments(spool: Spool, tail: LogTail) -> None:
    for line in (b"abcd", b"efgh", b"ijkl"):
        spool.append([line])
        tail.look()
    assert segments(spool) == 3
    assert read(tail) == [b"abcd", b"efgh", b"ijkl"]


def test_a_segment_is_removed_once_it_was_read(spool: Spool, tail: LogTail) -> None:
    spool.append([b"abcd"])
    spool.append([b"efgh"])
    tail.look()
    spool.remove_read(tail.inodes)
    assert segments(spool) == 2
    assert read(tail) == [b"abcd", b"efgh"]
    spool.remove_read(tail.inodes)
    assert segments(spool) == 1


def test_a_line_that_was_cut_by_the_end_of_the_process_does_not_damage_the_next(spool: Spool) -> None:
    spool.append([b"ab"])
    with spool.path.open("ab") as stream:
        stream.write(b"cut")
    again = Spool(spool.path, 100)
    again.append([b"c"])
    again.close()
    assert spool.path.read_bytes() == b"ab\ncut\nc\n"
