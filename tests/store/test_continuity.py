"""What says that a store went back in time, and what does not. Pure."""

from __future__ import annotations

import pytest

from service.store.acknowledged import FORGOTTEN_SECONDS, KEPT_SECONDS, Acknowledged
from service.store.continuity import NO_ID, Continuity, Lineage, Past, compare, read_lineage
from service.store.waiting import Words

OLD = Lineage(process="p", id="a", offset=100, predecessor=NO_ID, parted=-1)

COMPARED: dict[str, tuple[Lineage, Past]] = {
    "more was written": (OLD._replace(offset=300), "same"),
    "nothing was written": (OLD, "same"),
    "less was written": (OLD._replace(offset=99), "lost"),
    "a replica was promoted that had all that was seen": (Lineage("q", "b", 400, "a", 101), "unsure"),
    "a replica was promoted that lacked a byte that was seen": (Lineage("q", "b", 400, "a", 100), "lost"),
    "the new side has written more than was seen, and parted before": (Lineage("q", "b", 10**9, "a", 50), "lost"),
    "the process was restarted": (Lineage("q", "b", 0, NO_ID, -1), "unsure"),
    "two promotions since": (Lineage("q", "c", 400, "b", 300), "lost"),
    "the first replica came, for which the process takes a new id": (Lineage("p", "b", 1, NO_ID, -1), "same"),
    "the process was a replica of an unknown master meanwhile": (Lineage("p", "c", 400, "b", 300), "lost"),
}


@pytest.mark.parametrize("case", COMPARED)
def test_a_server_is_compared_with_the_one_before(case: str) -> None:
    now, past = COMPARED[case]
    assert compare(OLD, now) == past


def test_what_info_says_is_read() -> None:
    text = (
        "# Server\r\nrun_id:p\r\nexecutable:/a:b\r\n\r\n# Replication\r\nmaster_replid:a\r\n"
        f"master_replid2:{NO_ID}\r\nmaster_repl_offset:100\r\nsecond_repl_offset:-1\r\n"
    )
    assert read_lineage(text) == OLD


@pytest.fixture
def continuity() -> Continuity:
    """Of a fleet whose epoch is 7 and whose revision is 50."""
    made = Continuity()
    made.learned("f", 7, 0)
    made.heard("f", made.sending("f"), 50)
    return made


def why(continuity: Continuity) -> str:
    return "".join(known.why for known in continuity.troubled().values())


def test_a_revision_that_falls_is_noticed_at_once(continuity: Continuity) -> None:
    continuity.heard("f", continuity.sending("f"), 49)
    assert (why(continuity), continuity.doubted.is_set()) == ("revision", True)


def test_of_two_calls_under_way_the_later_may_run_first(continuity: Continuity) -> None:
    first, second = continuity.sending("f"), continuity.sending("f")
    continuity.heard("f", second, 52)
    continuity.heard("f", first, 51)
    assert why(continuity) == ""
    continuity.heard("f", continuity.sending("f"), 51)
    assert why(continuity) == "revision", "the last was sent when 52 was known"


def test_a_reply_that_says_no_revision_says_nothing(continuity: Continuity) -> None:
    continuity.heard("f", continuity.sending("f"), 0)
    assert why(continuity) == ""


def test_the_first_reply_after_a_failure_is_a_reason_to_look_at_once(continuity: Continuity) -> None:
    continuity.interrupted()
    assert not continuity.doubted.is_set(), "nothing can be seen while nothing answers"
    continuity.heard("f", continuity.sending("f"), 51)
    assert (continuity.doubted.is_set(), why(continuity)) == (True, "")


def test_calls_from_before_the_mark_do_not_raise_it_again(continuity: Continuity) -> None:
    before = continuity.sending("f")
    continuity.heard("f", continuity.sending("f"), 10)
    assert continuity.learned("f", 8, 7).lost
    continuity.heard("f", before, 12)
    continuity.heard("f", continuity.sending("f"), 13)
    assert why(continuity) == ""


def test_a_mark_of_another_dispatcher_is_learned_of_and_a_fleet_made_anew_is_none(continuity: Continuity) -> None:
    assert not continuity.learned("f", 7, 0).lost
    assert continuity.learned("f", 8, 7).lost
    assert not continuity.learned("f", 20, 0).lost, "deleted and created again"


def test_marks_that_were_missed_or_are_lost_are_no_other_fleet(continuity: Continuity) -> None:
    assert continuity.learned("f", 9, 7).lost, "marked as 8 too, while this process saw nothing"
    assert continuity.learned("f", 12, 7).lost
    assert continuity.learned("f", 7, 0).lost, "the store of before the marks"
    assert not continuity.learned("f", 9, 8).lost, "another fleet, which was marked"


def test_every_fleet_of_a_server_that_is_another_is_doubted(continuity: Continuity) -> None:
    continuity.looked(OLD)
    continuity.looked(OLD._replace(offset=200))
    assert continuity.troubled() == {}
    continuity.looked(Lineage("q", "b", 400, "a", 201))
    assert [(known.why, known.unsure) for known in continuity.troubled().values()] == [("", True)]
    continuity.looked(Lineage("r", "c", 500, "b", 300))
    assert why(continuity) == "replication"


def test_fleets_that_are_gone_are_forgotten(continuity: Continuity) -> None:
    continuity.heard("f", continuity.sending("f"), 10)
    continuity.keep(["other"])
    assert continuity.troubled() == {}
    assert continuity.sending("f").revision == 0


# What was acknowledged


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def operation(kind: str, id_: str, *words: str) -> Words:
    first, second, third = (*words, "", "", "")[:3]
    return (kind, id_, first, second, third)


def test_what_was_acknowledged_is_put_back_in_order_and_of_what_ended_the_end_alone() -> None:
    kept = Acknowledged()
    kept.note(
        "f",
        [operation("assign", "a", "", "0.5"), operation("assign", "b", "5"), operation("assign", "full")],
        [["ASSIGNED", "pool-1", "small", "green", 60], ["REPLAYED", "pool-2", "small", 5], ["FULL"]],
    )
    kept.note(
        "f",
        [operation("renew", "a", "9"), operation("complete", "b"), operation("complete", "never"), operation("x", "y")],
        [["RENEWED"], ["COMPLETED", "pool-2"], ["UNKNOWN"], ["FAULT"]],
    )
    kept.note("f", [operation("adopt", "s", "p", "", "1:1"), operation("end", "t", "p", "failed", "1:1")],
              [["ADOPTED"], ["ENDED_NOW"]])  # fmt: skip
    assert kept.put_back("f") == [
        ("adopt", "a", "pool-1", 60, ""),
        ("renew", "a", "9", "", ""),
        ("complete", "b", "", "", ""),
        ("complete", "never", "", "", ""),
        ("adopt", "s", "p", "", ""),
        ("end", "t", "p", "failed", ""),
    ]
    assert kept.put_back("other") == []


def test_a_reported_session_is_put_back_where_it_was_last_with_the_lease_that_it_had() -> None:
    kept = Acknowledged()
    kept.note(
        "f",
        [operation("report", "new", "p", "", "0.1"), operation("report", "same", "p", "9", "0.1"),
         operation("report", "moves", "p", "7", "0.1"), operation("assign", "placed")],
        [["NEW", "p", "small", 60, 11, 1, "q", "large", 2, 0], ["SAME", "p", "small", 5, 3],
         ["NEW", "p", "small", 7, 11], ["ASSIGNED", "p", "small", "green", 60]],
    )  # fmt: skip
    kept.note(
        "f",
        [operation("report", "moves", "q", "", "0.2"), operation("report", "placed", "q", "1", "0.3")],
        [["MOVED", "q", "large", 7, 12, 1, "q", "large", 2, 0], ["MOVED", "q", "large", 60, 12]],
    )
    assert kept.put_back("f") == [
        ("restore", "new", "p", 60, 11),
        ("restore", "same", "p", 5, 3),
        ("restore", "moves", "q", 7, 12),
        ("restore", "placed", "q", 60, 12),
    ]


def test_ten_seconds_before_the_newest_are_kept_through_an_outage_but_not_for_ever() -> None:
    seconds = Seconds()
    kept = Acknowledged(seconds)
    for at in (0.0, 5.0, KEPT_SECONDS + 1):
        seconds.now = at
        kept.note("f", [operation("complete", f"s{at}")], [["COMPLETED", "p"]])
    seconds.now += FORGOTTEN_SECONDS - 1
    kept.keep(["f"])
    assert [words[1] for words in kept.put_back("f")] == ["s5.0", "s11.0"]
    seconds.now += 2
    kept.keep(["f"])
    assert kept.put_back("f") == []
