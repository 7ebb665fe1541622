"""The tail reads each line once, in order, whatever a rotation does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slta_integrations.follow.log_tail import MAX_LINE_BYTES
from tests.integrations.logs import Clock, Log, Tailed


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "proxy.log")


NewTail = Callable[..., Tailed]


@pytest.fixture
def new_tail(log: Log) -> Iterator[NewTail]:
    with ExitStack() as stack:

        def new(**options: Any) -> Tailed:
            tailed = Tailed(log, options=options)
            stack.callback(tailed.close)
            return tailed

        yield new


@pytest.fixture
def tailed(log: Log, new_tail: NewTail) -> Tailed:
    log.write("before")
    return new_tail()


def test_the_first_start_begins_at_the_end(tailed: Tailed) -> None:
    assert tailed.read() == []


def test_lines_are_read_in_order(tailed: Tailed) -> None:
    tailed.log.write("a", "b")
    assert tailed.read() == ["a", "b"]
    tailed.log.write("c")
    assert tailed.read() == ["c"]


def test_a_batch_has_at_most_so_many_lines(tailed: Tailed) -> None:
    tailed.log.write("a", "b", "c")
    assert [len(tailed.tail.read(2).lines) for _ in range(3)] == [2, 1, 0]


def test_a_line_is_read_when_it_ends(tailed: Tailed) -> None:
    tailed.log.write("a", end="")
    assert tailed.read() == []
    tailed.log.write("b")
    assert tailed.read() == ["ab"]


def test_a_line_over_the_limit_is_skipped_and_counted_once(tailed: Tailed) -> None:
    tailed.log.write("x" * MAX_LINE_BYTES, "x" * (MAX_LINE_BYTES + 1), "x" * (9 * MAX_LINE_BYTES), "a")
    assert tailed.read() == ["x" * MAX_LINE_BYTES, None, None, "a"]


def test_a_log_that_does_not_exist_yet_is_read_from_its_beginning(log: Log, new_tail: NewTail) -> None:
    tailed = new_tail()
    assert tailed.read() == []
    log.write("a")
    assert tailed.read() == ["a"]


def test_a_log_that_appears_while_the_follower_is_down_is_read_from_its_beginning(log: Log, new_tail: NewTail) -> None:
    tailed = new_tail()
    position = tailed.tail.position
    log.write("a")
    tailed.start(position)
    assert tailed.read() == ["a"]
    assert tailed.gaps == []


Rotate = Callable[[Log], object]
ROTATIONS = pytest.mark.parametrize("rotate", [Log.rename, Log.copy_and_truncate])


@ROTATIONS
def test_after_a_rotation_the_rest_of_the_old_file_comes_first(tailed: Tailed, rotate: Rotate) -> None:
    tailed.log.write("a", "b")
    tailed.tail.look()
    rotate(tailed.log)
    tailed.log.write("c")
    assert tailed.read() == ["a", "b", "c"]
    assert tailed.gaps == []


@ROTATIONS
def test_lines_between_the_last_look_and_a_rotation_are_read(tailed: Tailed, rotate: Rotate) -> None:
    tailed.log.write("a")
    assert tailed.read() == ["a"]
    tailed.log.write("b")
    rotate(tailed.log)
    tailed.log.write("c")
    assert tailed.read() == ["b", "c"]


@ROTATIONS
@pytest.mark.parametrize("looks", [True, False])
def test_several_rotations_while_nothing_is_read(tailed: Tailed, rotate: Rotate, *, looks: bool) -> None:
    if rotate is Log.copy_and_truncate and not looks:
        pytest.skip("a follower looks twenty times a second")
    for line in ("a", "b", "c"):
        tailed.log.write(line)
        if looks:
            tailed.tail.look()
        rotate(tailed.log)
        if looks:
            tailed.tail.look()
    tailed.log.write("d")
    assert tailed.read() == ["a", "b", "c", "d"]
    assert tailed.gaps == []


@ROTATIONS
@pytest.mark.parametrize("rotations", [1, 2, 9])
def test_rotations_while_the_follower_is_down(tailed: Tailed, rotate: Rotate, rotations: int) -> None:
    tailed.log.write("a", "b")
    tailed.tail.look()
    assert [line.text for line in tailed.tail.read(1).lines] == [b"a"]
    position = tailed.tail.position
    for number in range(rotations):
        tailed.log.write(f"c{number}")
        rotate(tailed.log)
    tailed.log.write("d")
    tailed.start(position)
    assert tailed.read() == ["b", *(f"c{number}" for number in range(rotations)), "d"]
    assert tailed.gaps == []


@ROTATIONS
def test_a_restart_between_any_two_lines_loses_none(tailed: Tailed, rotate: Rotate) -> None:
    tailed.log.write("a", "b")
    tailed.tail.look()
    rotate(tailed.log)
    tailed.log.write("c", "d")
    lines = []
    for _ in range(8):
        tailed.tail.look()
        lines += [line.text.decode() for line in tailed.tail.read(1).lines if line.text]
        tailed.restart()
    assert lines == ["a", "b", "c", "d"]


def test_older_files_are_not_read_again(tailed: Tailed) -> None:
    for line in ("a", "b", "c"):
        tailed.log.write(line)
        assert tailed.read() == [line]
        tailed.log.rename()
    tailed.log.write("d")
    tailed.restart()
    assert tailed.read() == ["d"]


def test_a_rotated_file_that_is_removed_is_read_to_its_end(tailed: Tailed) -> None:
    tailed.log.write("a")
    tailed.tail.look()
    tailed.log.rename().unlink()
    tailed.log.write("b")
    assert tailed.read() == ["a", "b"]


def test_a_writer_that_reopens_late_loses_nothing(log: Log, new_tail: NewTail) -> None:
    log.write("before")
    tailed = new_tail(rotate_wait_seconds=1)
    old = log.rename()
    log.write("c")
    log.write("a", path=old)
    assert tailed.read() == ["a"]
    log.write("b", path=old)
    assert tailed.read() == ["b"]
    tailed.clock.now += 1
    assert tailed.read() == ["c"]


def test_each_rotation_is_waited_for(log: Log, new_tail: NewTail) -> None:
    log.write("before")
    tailed = new_tail(rotate_wait_seconds=1)
    for line in ("a", "b"):
        old = log.rename()
        log.write(f"new {line}")
        tailed.read()
        log.write(f"late {line}", path=old)
        assert tailed.read() == [f"late {line}"]
        tailed.clock.now += 1
        assert tailed.read() == [f"new {line}"]


def test_a_file_that_was_written_late_is_not_read_again(log: Log, new_tail: NewTail) -> None:
    log.write("before")
    tailed = new_tail(rotate_wait_seconds=1)
    old = log.rename()
    log.write("new")
    log.write("late", path=old)
    tailed.read()
    tailed.clock.now += 1
    assert tailed.read() == ["new"]
    log.rename()
    log.write("newer")
    tailed.restart()
    lines = tailed.read()
    tailed.clock.now += 1
    assert [*lines, *tailed.read()] == ["newer"]
    assert tailed.gaps == []


def test_the_rest_of_a_line_over_the_limit_ends_with_its_file(tailed: Tailed) -> None:
    tailed.log.write("x" * (2 * MAX_LINE_BYTES), end="")
    assert tailed.read() == [None]
    tailed.log.rename()
    tailed.log.write("a", "b")
    assert tailed.read() == ["a", "b"]


def test_the_old_file_is_not_left_while_the_new_one_is_empty(tailed: Tailed) -> None:
    old = tailed.log.rename()
    tailed.log.path.touch()
    assert tailed.read() == []
    tailed.log.write("a", path=old)
    assert tailed.read() == ["a"]


def test_a_last_line_without_an_end_is_counted(tailed: Tailed) -> None:
    tailed.log.write("a", end="")
    tailed.log.rename()
    tailed.log.write("b")
    tailed.tail.look()
    assert [(batch.cut, len(batch.lines)) for batch in (tailed.tail.read(9), tailed.tail.read(9))] == [(1, 0), (0, 1)]


def test_a_file_that_is_gone_is_said_and_the_later_ones_are_read(tailed: Tailed) -> None:
    tailed.log.write("a")
    position = tailed.tail.position
    tailed.log.rename().unlink()
    tailed.clock.now = 0
    tailed.log.write("b")
    os.utime(tailed.log.path)
    tailed.start(position)
    assert tailed.read() == ["b"]
    assert tailed.gaps == ["gone"]


def test_another_file_of_the_same_inode_is_not_taken_for_the_old_one(tailed: Tailed) -> None:
    tailed.log.write("a")
    tailed.read()
    position = tailed.tail.position
    tailed.log.path.write_text("longer than what was there before\n")
    tailed.start(position)
    assert tailed.read() == ["longer than what was there before"]
    assert tailed.gaps == ["truncated"]


def test_a_truncation_without_a_copy_is_said(tailed: Tailed) -> None:
    tailed.log.write("a")
    tailed.tail.look()
    tailed.log.path.write_text("b\n")
    assert tailed.read() == ["b"]
    assert tailed.gaps == ["truncated"]


def test_a_truncated_log_that_is_longer_again_is_read_from_its_beginning(tailed: Tailed) -> None:
    tailed.log.write("a")
    assert tailed.read() == ["a"]
    tailed.log.path.write_text("longer than what was there before\n")
    assert tailed.read() == ["longer than what was there before"]
    assert tailed.gaps == ["truncated"]


def test_a_truncation_of_the_newest_file_keeps_the_older_one(tailed: Tailed) -> None:
    tailed.log.write("a")
    tailed.tail.look()
    tailed.log.rename()
    tailed.log.write("lost")
    tailed.tail.look()
    tailed.log.path.write_text("b\n")
    assert tailed.read() == ["a", "b"]
    assert tailed.gaps == ["truncated"]


def test_compressed_files_are_left_alone(tailed: Tailed) -> None:
    tailed.log.rename()
    tailed.log.write("b")
    tailed.log.write("\0\0", path=tailed.log.path.with_name("proxy.log.2.gz"))
    assert tailed.read() == ["b"]


def test_beyond_the_backlog_the_oldest_file_is_dropped(log: Log, new_tail: NewTail) -> None:
    log.write("before")
    tailed = new_tail(max_backlog=10)
    log.write("slta1 a", "slta1 b")
    log.rename()
    log.write("slta1 c")
    assert tailed.read() == ["slta1 c"]
    [(file, offset)] = tailed.tail.dropped
    assert file.lines_from(offset) == 2


def test_lines_are_as_old_as_the_last_look_without_them(tailed: Tailed) -> None:
    clock: Clock = tailed.clock
    tailed.tail.look()
    began = clock.now
    tailed.log.write("a")
    clock.now += 100
    tailed.tail.look()
    clock.now += 100
    tailed.log.write("b")
    tailed.tail.look()
    assert [line.written_after - began for line in tailed.tail.read(9).lines] == [0, 100]


@ROTATIONS
def test_lines_of_a_new_file_are_younger_than_the_last_look_at_the_old_one(tailed: Tailed, rotate: Rotate) -> None:
    tailed.tail.look()
    began = tailed.clock.now
    tailed.log.write("a")
    tailed.clock.now += 100
    tailed.tail.look()
    rotate(tailed.log)
    tailed.log.write("b")
    tailed.clock.now += 100
    tailed.tail.look()
    found = [line for _ in range(4) for line in tailed.tail.read(9).lines]
    tailed.log.write("c")
    tailed.clock.now += 100
    tailed.tail.look()
    found += tailed.tail.read(9).lines
    assert [(line.text, line.written_after - began) for line in found] == [(b"a", 0), (b"b", 100), (b"c", 200)]


def test_lines_written_while_the_follower_was_down_are_as_old_as_its_last_look(tailed: Tailed) -> None:
    tailed.tail.look()
    position = tailed.tail.position
    tailed.log.write("a")
    tailed.clock.now += 3600
    tailed.start(position)
    tailed.tail.look()
    [line] = tailed.tail.read(9).lines
    assert tailed.clock.now - line.written_after == 3600
