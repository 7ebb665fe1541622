"""The position file: replaced atomically, for one log and one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from slta.cli.error_messages import UserError
from slta_integrations.follow.position import Position, PositionFile

FIRST = Position(12, 345, "abc", 1.5)
SECOND = Position(None, 0, "", 2.5)
Opened = Callable[..., PositionFile]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:

        def new(log: str = "/log") -> PositionFile:
            file = PositionFile(tmp_path / "state", log)
            stack.callback(file.close)
            return file

        yield new


def test_it_has_what_was_saved_last(opened: Opened) -> None:
    file = opened()
    assert file.load() is None
    for position in (FIRST, SECOND):
        file.save(position)
        assert file.load() == position


class CutError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_save_cut_off_leaves_the_former_position(opened: Opened, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened()
    file.save(FIRST)
    with monkeypatch.context() as patched:
        patched.setattr(step, _cut)
        with pytest.raises(CutError):
            file.save(SECOND)
    assert file.load() == FIRST
    file.save(SECOND)
    assert file.load() == SECOND


def _cut(*_: object) -> None:
    raise CutError


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"log": "/log"}', '{"log": "/log", "more": 1}'])
def test_a_damaged_file_is_refused(opened: Opened, tmp_path: Path, text: str) -> None:
    file = opened()
    (tmp_path / "state/position.json").write_text(text)
    with pytest.raises(UserError, match=r"position\.json is damaged: delete it to begin at the end of the log"):
        file.load()


def test_another_log_is_refused(opened: Opened) -> None:
    file = opened("/other")
    file.save(FIRST)
    file.close()
    with pytest.raises(UserError, match="belongs to /other: use a directory for each log"):
        opened("/log").load()


def test_a_second_process_is_refused(opened: Opened) -> None:
    opened()
    with pytest.raises(UserError, match="another `slta follow` uses"):
        opened()
