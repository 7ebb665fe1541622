"""Rotations of a log: each line is read once, in order, or its loss is counted."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from slta_integrations.follow.log_tail import LogTail
from tests.integrations.conftest import NewTail
from tests.integrations.logs import Log, Tailed

Rotate = Callable[[Log], object]
ROTATIONS = pytest.mark.parametrize("rotate", [Log.rename, Log.copy_and_truncate])


@ROTATIONS
def test_lines_between_the_last_look_and_a_rotation_are_read(tailed: Tailed, rotate: Rotate) -> None:
    tailed.log.write("a")
    assert tailed.read() == ["a"]
    tailed.log.write("b")
    rotate(tailed.log)
    tailed.log.write("c")
    assert tailed.read() == ["b", "c"]


@ROTATIONS
@pytest.mark.parametrize("look", [LogTail.look, lambda _: None])
def test_rotations_between_reads_lose_no_line(tailed: Tailed, rotate: Rotate, look: Callable[[LogTail], None]) -> None:
    for line in ("a", "b", "c"):
        tailed.log.write(line)
        look(tailed.tail)
        rotate(tailed.log)
        look(tailed.tail)
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
    tailed = new_tail(rotate_wait_seconds=1)
    old = log.rename()
    log.write("new")
    log.write("late", path=old)
    tailed.read()
    tailed.clock.now += 1
    assert tailed.read() == ["new"]
    tailed.restart()
    log.rename()
    log.write("newer")
    lines = tailed.read()
    tailed.clock.now += 1
    assert [*lines, *tailed.read()] == ["newer"]
    assert tailed.gaps == []


def test_the_old_file_is_not_left_while_the_new_one_is_empty(tailed: Tailed) -> None:
    old = tailed.log.rename()
    tailed.log.path.touch()
    assert tailed.read() == []
    tailed.log.write("a", path=old)
    assert tailed.read() == ["a"]


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


@ROTATIONS
def test_lines_of_a_new_file_are_younger_than_the_last_look_at_the_old_one(tailed: Tailed, rotate: Rotate) -> None:
    tailed.log.write("a")
    assert tailed.read() == ["a"]
    began = tailed.clock.now
    rotate(tailed.log)
    tailed.log.write("b")
    tailed.clock.now += 100
    found = []
    for _ in range(4):
        tailed.tail.look()
        batch = tailed.tail.read(9)
        found += [(line.text, batch.position.seen_at - began) for line in batch.lines]
    assert found == [(b"b", 0)]
