"""Which acknowledged calls a store has lost, and what they say of sessions. Pure."""

from __future__ import annotations

import asyncio

import pytest

from slta.store._batching.pending import OperationArgs
from slta.store._client.rollback_detection import Fate, History, RollbackDetector, Stamp
from slta.store._failover import replay_log
from slta.store._failover.items import Item, lost_by
from slta.store._failover.replay_log import DELETION, KEPT_SECONDS, UNLISTED_SECONDS, ReplayLog
from slta.store.library import INCARNATION_BITS

FLEET_NUMBER = 7 << INCARNATION_BITS
A, B, C = (FLEET_NUMBER + number for number in (1, 2, 3))
HISTORY = History([Stamp(A, 0), Stamp(B, 100), Stamp(C, 130)])

FATES: dict[str, tuple[Stamp, Fate]] = {
    "before the fork": (Stamp(A, 99), "present"),
    "the last before the fork": (Stamp(A, 100), "present"),
    "the first after the fork": (Stamp(A, 101), "lost"),
    "lost, though the next incarnation has higher revisions": (Stamp(A, 120), "lost"),
    "of the next incarnation, before its own end": (Stamp(B, 130), "present"),
    "of the next incarnation, after its end": (Stamp(B, 131), "lost"),
    "of the present incarnation": (Stamp(C, 10**9), "present"),
    "of an incarnation that is no longer recorded": (Stamp(FLEET_NUMBER + 9, 1), "unknown"),
    "of another fleet of the same name": (Stamp((8 << INCARNATION_BITS) + 1, 101), "other fleet"),
}


def test_the_fate_of_a_call_follows_from_its_stamp_and_the_forks() -> None:
    assert {case: HISTORY.fate(stamp) for case, (stamp, _) in FATES.items()} == {
        case: fate for case, (_, fate) in FATES.items()
    }


# Detection


def test_another_incarnation_makes_a_suspect_until_it_is_settled() -> None:
    detector = RollbackDetector()
    detector.observe("f", Stamp(A, 5))
    detector.observe("f", Stamp(A, 3))
    assert (detector.suspects(), detector.suspected.is_set()) == ([], False), "of two calls the later may run first"
    detector.observe("f", Stamp(B, 4))
    assert (detector.suspects(), detector.suspected.is_set()) == (["f"], True)
    detector.resolve("f", B)
    assert detector.suspects() == []


def test_a_late_reply_of_an_incarnation_before_makes_a_suspect_again() -> None:
    detector = RollbackDetector()
    detector.observe("f", Stamp(A, 5))
    detector.resolve("f", B)
    detector.observe("f", Stamp(A, 6))
    assert detector.suspects() == ["f"]


def test_a_reply_without_a_fleet_says_nothing() -> None:
    detector = RollbackDetector()
    detector.observe("f", Stamp(A, 5))
    detector.observe("f", Stamp(0, 0))
    assert detector.suspects() == []


def test_the_detector_forgets_fleets_that_are_gone() -> None:
    detector = RollbackDetector()
    for incarnation in (A, B):
        detector.observe("f", Stamp(incarnation, 5))
    detector.keep(["other"])
    detector.observe("f", Stamp(C, 1))
    assert detector.suspects() == []


# The log


def operation(kind: str, id_: str, *words: str) -> OperationArgs:
    first, second, third = (*words, "", "", "")[:3]
    return (kind, id_, first, second, third)


def items(log: ReplayLog, history: History = HISTORY) -> list[Item]:
    return list(asyncio.run(lost_by(log.missing("f", history))).items.values())


def ids(log: ReplayLog) -> list[str]:
    return [item.session_id for item in items(log)]


def test_outcomes_become_items_and_of_what_ended_the_end_alone() -> None:
    log = ReplayLog()
    log.record(
        "f",
        Stamp(A, 101),
        [operation("assign", "a", "", "0.5"), operation("assign", "b", "5"), operation("assign", "full")],
        [["ASSIGNED", "p1", "small", 60, 11, 72, "green"], ["REPLAYED", "p2", "small", 5, 1, 7], ["FULL"]],
    )
    log.record(
        "f",
        Stamp(A, 104),
        [operation("renew", "a", "9"), operation("complete", "b"), operation("complete", "never"),
         operation("complete", "over"), operation("x", "y")],
        [["RENEWED", "p1", "small", 9, 11, 90], ["COMPLETED", "p2"], ["UNKNOWN"], ["ENDED", "expired", "p3"],
         ["FAULT"]],
    )  # fmt: skip
    log.record(
        "f",
        Stamp(A, 106),
        [operation("adopt", "s", "p", "", "1:1"), operation("end", "t", "p", "failed", "1:1"),
         operation("report", "r", "q"), operation("report", "m", "q")],
        [["ADOPTED", "p", "small", 60, 12, 0], ["ENDED_NOW"],
         ["NEW", "p", "small video", 60, 13, 0, 1, "q", "large", 2, 0],
         ["MOVED", "q", "large", 60, 14, 0]],
    )  # fmt: skip
    assert items(log) == [
        ("placed", "a", "p1", "default", 9, A, 104),
        ("ended", "b", "p2", "completed", 0, A, 104),
        ("ended", "never", "", "", 0, A, 104),
        ("ended", "over", "p3", "expired", 0, A, 104),
        ("placed", "s", "p", "default", 60, A, 106),
        ("ended", "t", "p", "failed", 0, A, 106),
        ("placed", "r", "p", "video", 60, A, 106),
        ("placed", "m", "q", "default", 60, A, 106),
    ]


def test_of_restored_items_the_revision_counts_not_the_order_in_the_log() -> None:
    log = ReplayLog()
    log.record("f", Stamp(A, 104), [operation("renew", "s")], [["RENEWED", "p2", "small", 9, 11, 90]])
    log.record_items("f", Stamp(A, 105), [Item("placed", "s", "p1", "default", 9, A, 103)])
    assert [item.pool_id for item in items(log)] == ["p2"]


def test_changes_that_are_not_sent_again_are_named_by_kind() -> None:
    log = ReplayLog()
    for revision, kind, names in ((100, "pool", ["there"]), (101, "pool", ["p", "q"]), (102, "put", ["f"])):
        log.record_change("f", Stamp(A, revision), kind, names)
    log.record_change("f", Stamp(A, 103), "pool", [])
    assert asyncio.run(lost_by(log.missing("f", HISTORY))).changes == {"pool": ["p", "q"], "put": ["f"]}


def test_nothing_is_taken_of_a_fleet_that_this_process_deleted() -> None:
    log = ReplayLog()
    log.keep(["f"])
    log.record_change("f", Stamp(A, 103), DELETION, ["f"])
    assert list(log.take("f")) == []


def test_only_calls_beyond_the_fork_are_missing() -> None:
    log = ReplayLog()
    for revision in (99, 100, 101):
        log.record("f", Stamp(A, revision), [operation("complete", f"s{revision}")], [["UNKNOWN"]])
    assert ids(log) == ["s101"]


def test_what_was_restored_is_forgotten_and_the_restore_itself_is_kept() -> None:
    log = ReplayLog()
    log.record("f", Stamp(A, 101), [operation("complete", "s")], [["UNKNOWN"]])
    missing = log.missing("f", HISTORY)
    restored = items(log)
    log.record_items("f", Stamp(C, 131), restored)
    log.forget("f", missing, C)
    assert items(log) == []
    assert items(log, History([Stamp(C, 130), Stamp(B, 130)])) == restored, "lost once more with the next failover"


def test_a_fleet_keeps_seconds_before_its_newest_call_and_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(replay_log, "monotonic", lambda: now)
    log = ReplayLog()
    for at, id_ in ((0, "old"), (1, "kept"), (KEPT_SECONDS + 0.5, "new")):
        now = at
        log.record("f", Stamp(A, 101), [operation("complete", id_)], [["UNKNOWN"]])
    assert ids(log) == ["kept", "new"]
    now += UNLISTED_SECONDS + 1
    log.keep(["f"])
    assert ids(log) == ["kept", "new"]
    log.keep([])
    assert (ids(log), log.fleets()) == ([], set())


def test_a_failover_does_not_use_up_the_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(replay_log, "monotonic", lambda: now)
    log = ReplayLog()
    for at, stamp in ((0, Stamp(A, 101)), (2, Stamp(A, 102)), (1000, Stamp(C, 131))):
        now = at
        log.record("f", stamp, [operation("complete", f"at{at}")], [["UNKNOWN"]])
    assert ids(log) == ["at0", "at2"]
    log.forget("f", [], C)
    log.record("f", Stamp(C, 132), [], [])
    assert ids(log) == [], "once it is recovered, all are kept for the same time"


def test_beyond_its_size_the_log_drops_the_oldest_calls_of_the_largest_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_log, "MAX_BYTES", 10_000)
    dropped: list[tuple[str, str, int]] = []
    log = ReplayLog(lambda *told: dropped.append(told))
    log.record("small", Stamp(A, 1), [operation("complete", "s")], [["UNKNOWN"]])
    for number in range(200):
        log.record("f", Stamp(A, 101 + number), [operation("complete", f"s{number}")], [["UNKNOWN"]])
    assert {told[:2] for told in dropped} == {("call", "log_full")}
    assert len(items(log)) == 200 - sum(count for *_, count in dropped)
    assert len(log.missing("small", History([Stamp(A, 0), Stamp(B, 0)]))) == 1
