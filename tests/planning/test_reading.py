from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from slta.cli.error_messages import UserError
from slta_planning.decoding import MAX_LINE
from slta_planning.evaluate.pool_numbers import PoolNumbers
from slta_planning.evaluate.reading import FORMAT_LINES, Log, Selection, read_log

HEAD = "start_s,duration_s,pool\n"


def read(path: Path, text: str | bytes, named: str | None = None) -> Log:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_log(path, Selection(named, UTC), PoolNumbers({"a": 3}))  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_sessions_are_sorted_by_their_starts(file: Path) -> None:
    log = read(file, HEAD + "7,1,a-2\n5,9,a-1\n")
    assert (log.starts.tolist(), log.ends.tolist(), log.pools.tolist()) == ([5, 7], [14, 8], [1, 0])


def test_equal_lines_of_other_ids_are_no_copies(file: Path) -> None:
    log = read(file, "start_s,duration_s,pool,session_id\n" + "".join(f"1.05,9,a-1,{id_}\n" for id_ in "uvv"))
    assert (len(log.starts), log.lines.twice) == (2, 1)


@pytest.mark.parametrize("rows", [FORMAT_LINES - 1, FORMAT_LINES, FORMAT_LINES + 5])
def test_the_lines_that_showed_the_format_are_read_too(file: Path, rows: int) -> None:
    assert read(file, HEAD + "".join(f"{k},2,a-1\n" for k in range(rows))).starts.tolist() == list(range(rows))


def test_the_format_that_is_named_is_taken(file: Path) -> None:
    assert read(file, HEAD, "haproxy").lines.bad == 1


def test_bad_lines_are_counted_and_the_first_are_named(file: Path) -> None:
    lines = read(file, HEAD + "1,2,a-1\n" + "x,2,a-1\n" * 7).lines
    assert (lines.read, lines.bad) == (8, 7)
    assert lines.bad_lines == [f"line {k}: start_s is not a number: 'x'" for k in range(3, 8)]


def test_bytes_that_are_no_text_and_endless_lines_are_bad_lines(file: Path) -> None:
    lines = read(file, HEAD.encode() + b"\xff\xfe\n" + b"y" * (2 * MAX_LINE) + b"\n1,2,a-1\n").lines
    assert (lines.bad, lines.read) == (3, 4)


def test_unknown_pools_are_counted_and_some_are_named(file: Path) -> None:
    lines = read(file, HEAD + "".join(f"1,2,b-{k}\n" for k in [*range(9), 0])).lines
    assert lines.unknown_pool == 10
    assert lines.unknown_pools == {"b-0": 2, "b-1": 1, "b-2": 1, "b-3": 1, "b-4": 1}


@pytest.mark.parametrize(
    ("rows", "back"),
    [
        (["1,9,a-1", "2,1,a-1", "3,9,a-1"], 0),  # in order of starts
        (["5,1,a-1", "1,9,a-1", "3,9,a-1"], 0),  # in order of ends
        (["9,9,a-1", "1,2,a-1", "8.5,8.6,a-1"], 1),  # the last is late by less than a second
    ],
)
def test_a_clock_that_went_back_is_counted(file: Path, rows: list[str], back: int) -> None:
    log = read(file, HEAD + "\n".join(rows))
    assert (log.lines.clock_back, len(log.starts)) == (back, 3)


def test_what_was_read_is_told_in_bytes_of_the_file(file: Path) -> None:
    file.write_text(HEAD + "1,2,a-1\n" * 50_000, encoding="utf-8")
    told: list[int] = []
    read_log(file, Selection(None, UTC), PoolNumbers({"a": 3}), told.append)
    assert 0.9 * file.stat().st_size < sum(told) <= file.stat().st_size


def of_backends(*lines: str) -> str:
    line = "1.2.3.4:5 [25/Nov/2026:10:55:21.777] f {} 0/0/900 212 -- 0/0/0/0/3 0/0\n"
    return "".join(line.format(backend) for backend in lines)


def test_only_selected_backends_are_read_and_all_are_counted(file: Path) -> None:
    file.write_text(of_backends("game/a-1", "web/a-1", "game/a-2", "game/<NOSRV>", "web/<NOSRV>"), encoding="utf-8")
    lines = read_log(file, Selection(None, UTC, ["game"]), PoolNumbers({"a": 3})).lines
    assert (lines.read, lines.not_placed, lines.other_backend) == (3, 1, 2)
    assert lines.backends == {"game": 2, "web": 2}


def test_a_backend_without_a_line_is_an_error_that_names_those_of_the_log(file: Path) -> None:
    file.write_text(of_backends("game/a-1", "web/a-1"), encoding="utf-8")
    with pytest.raises(UserError, match="no line is of backend gme; the log has game, web"):
        read_log(file, Selection(None, UTC, ["gme"]), PoolNumbers({"a": 3}))


def test_other_formats_have_no_backends(file: Path) -> None:
    file.write_text(HEAD + "1,2,a-1\n", encoding="utf-8")
    with pytest.raises(UserError, match="--backend: only lines of HAProxy"):
        read_log(file, Selection(None, UTC, ["game"]), PoolNumbers({"a": 3}))
