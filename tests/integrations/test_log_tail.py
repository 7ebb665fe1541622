"""The tail of a log: lines, their limits, and how old they can be."""

from __future__ import annotations

from slta_integrations.follow.log_tail import MAX_LINE_BYTES
from tests.integrations.conftest import NewTail
from tests.integrations.logs import Log, Tailed


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


def test_what_follows_an_end_of_the_log_within_a_line_is_told(tailed: Tailed) -> None:
    for part in ("a", "b"):
        tailed.log.write(part, end="")
        tailed.tail.look()
        tailed.clock.now += 1
    tailed.log.write("c", "d")
    tailed.tail.look()
    assert [(line.text, line.rest) for line in tailed.tail.read(9).lines] == [(b"abc", b"c"), (b"d", b"")]


def test_a_line_over_the_limit_is_skipped_and_counted_once(tailed: Tailed) -> None:
    tailed.log.write("x" * MAX_LINE_BYTES, "x" * (MAX_LINE_BYTES + 1), "x" * (9 * MAX_LINE_BYTES), "a")
    assert tailed.read() == ["x" * MAX_LINE_BYTES, None, None, "a"]


def test_a_log_that_does_not_exist_yet_is_read_from_its_beginning(log: Log, new_tail: NewTail) -> None:
    log.path.unlink()
    tailed = new_tail()
    assert tailed.read() == []
    log.write("a")
    assert tailed.read() == ["a"]


def test_a_log_that_appears_while_the_follower_is_down_is_read_from_its_beginning(log: Log, new_tail: NewTail) -> None:
    log.path.unlink()
    tailed = new_tail()
    position = tailed.tail.position
    log.write("a")
    tailed.start(position)
    assert tailed.read() == ["a"]
    assert tailed.gaps == []


def test_the_rest_of_a_line_over_the_limit_ends_with_its_file(tailed: Tailed) -> None:
    tailed.log.write("x" * (2 * MAX_LINE_BYTES), end="")
    assert tailed.read() == [None]
    tailed.log.rename()
    tailed.log.write("a", "b")
    assert tailed.read() == ["a", "b"]


def test_a_last_line_without_an_end_is_counted(tailed: Tailed) -> None:
    tailed.log.write("a", end="")
    tailed.log.rename()
    tailed.log.write("b")
    tailed.tail.look()
    assert [len(tailed.tail.read(9).lines) for _ in range(2)] == [1, 1]


def test_beyond_the_backlog_the_oldest_file_is_dropped(log: Log, new_tail: NewTail) -> None:
    tailed = new_tail(max_backlog=10)
    log.write("slta1 a", "slta1 b")
    log.rename()
    log.write("slta1 c")
    assert tailed.read() == ["slta1 c"]
    assert tailed.gaps == ["backlog"]


def age_bounds(tailed: Tailed) -> list[float]:
    """How old the lines of each batch may be."""
    found = []
    for _ in range(4):
        tailed.tail.look()
        batch = tailed.tail.read(9)
        found += [tailed.clock.now - batch.position.seen_at] * len(batch.lines)
    return found


def test_lines_are_as_old_as_the_last_look_without_them(tailed: Tailed) -> None:
    tailed.tail.look()
    tailed.log.write("a")
    tailed.clock.now += 100
    assert age_bounds(tailed) == [100]
    tailed.log.write("b")
    tailed.clock.now += 1
    assert age_bounds(tailed) == [1]


def test_of_lines_that_wait_none_is_taken_for_younger_than_it_is(tailed: Tailed) -> None:
    tailed.tail.look()
    began = tailed.clock.now
    for line in ("a", "b", "c"):
        tailed.log.write(line)
        tailed.clock.now += 100
        tailed.tail.look()
    seen = [batch.position.seen_at - began for _ in range(3) if (batch := tailed.tail.read(1)).lines]
    assert [(after, written) for after, written in zip(seen, (0, 100, 200), strict=True) if not after <= written] == []


def test_lines_written_while_the_follower_was_down_are_as_old_as_its_last_look(tailed: Tailed) -> None:
    tailed.tail.look()
    position = tailed.tail.position
    tailed.log.write("a")
    tailed.clock.now += 3600
    tailed.start(position)
    assert age_bounds(tailed) == [3600]
