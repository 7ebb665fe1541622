"""Live sessions: which are due when a proxy says that it lives, also after the follower was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from slta_integrations.follow import live
from slta_integrations.follow.live import LiveSessions, Renewal
from slta_integrations.follow.log_line import Alive, Begin, End, Start

OLD, NEW, OTHER = "edge:1", "edge:2", "other:1"


def begin(session: str, instance: str | None = OLD) -> Begin:
    return Begin(session, "p", None, instance)


@pytest.fixture(params=["at once", "after a kill", "after many lines"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveSessions:
    """`a` and `d` began before a restart of their proxy and `b` after it; `o` in another proxy; `x` ended."""
    if request.param == "after many lines":
        monkeypatch.setattr(live, "MAX_OLD_LINES", 0)
    made = LiveSessions(tmp_path / "live.log")
    begins = [begin("x"), begin("a"), begin("b", NEW), begin("o", OTHER), begin("n", None), begin("d")]
    lines: list[Begin | End | Start] = [Start(OLD), *begins, End("x", "p", 1)]
    for line in lines:
        made.note(line)
        if request.param != "at once":
            made.save()
    return made if request.param == "at once" else LiveSessions(tmp_path / "live.log")


def test_a_start_ends_the_sessions_of_earlier_processes_of_its_proxy_once(kept: LiveSessions) -> None:
    assert kept.due(Start(NEW)) == [End("a", None, 0), Renewal("b"), End("d", None, 0)]
    kept.note(Start(NEW))
    assert kept.due(Start(NEW)) == [Renewal("a"), Renewal("b"), Renewal("d")]


@pytest.mark.parametrize("sign", [Alive(NEW), Start(OLD)])
def test_a_reload_or_a_start_that_is_known_ends_none(kept: LiveSessions, sign: Start | Alive) -> None:
    assert kept.due(sign) == [Renewal("a"), Renewal("b"), Renewal("d")]


def test_only_sessions_with_an_instance_are_counted(kept: LiveSessions) -> None:
    assert (kept.count, kept.has("n"), kept.has("x")) == (4, True, False)


def test_beyond_the_limit_the_oldest_are_forgotten(kept: LiveSessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_SESSIONS", 5)
    kept.note(begin("e"))
    assert (kept.count, kept.has("a"), kept.has("e")) == (4, False, True)


def test_a_write_that_was_cut_damages_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "live.log"
    first = LiveSessions(path)
    first.note(begin("a"))
    first.save()
    with path.open("a") as stream:
        stream.write("slta1 be")
    second = LiveSessions(path)
    second.note(begin("b"))
    second.save()
    assert LiveSessions(path).due(Alive(OLD)) == [Renewal("a"), Renewal("b")]
