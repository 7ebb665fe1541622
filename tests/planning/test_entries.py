from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from slta_planning.evaluate.entries import Entry, LineError, NoSessionError, NotPlacedError, csv_format, json_format
from slta_planning.evaluate.haproxy import haproxy_format
from slta_planning.evaluate.slta_lines import slta_format

HTTP = (
    "Nov 25 10:55:21 lb haproxy[7]: 10.0.1.2:33317 [25/Nov/2026:10:55:21.777] front~ pools/large-2 "
    '10/0/30/69/{} 200 2750 - - ---- 1/1/1/1/0 0/0 {{1wt.eu}} {{}} "GET /a/b-1 HTTP/1.1"'
)
TCP = "10.0.1.2:33313 [25/Nov/2026:10:55:21.777] fnt bck/large-2 0/0/5007 212 -- 0/0/0/0/3 0/0"
AT = 1795604121.777


def test_a_column_of_ends_gives_starts() -> None:
    form = csv_format("end_s,duration_s,pool,class")
    assert form.is_written_at_end
    assert form.parse("100,2.5,a,small") == Entry(97.5, 2.5, "a", "small")


@pytest.mark.parametrize("timers", ["0/0/-1/-1/3007", "0/-1/-1/-1/5", "0/-1/3"])
def test_a_session_that_the_server_refused_or_that_left_the_queue_is_none(timers: str) -> None:
    with pytest.raises(NotPlacedError):
        haproxy_format(UTC).parse(TCP.replace("0/0/5007", timers))


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (HTTP.format(109), Entry(AT + 0.04, 0.069, "large-2", backend="pools")),
        (HTTP.format(109).replace(" 0/0 {", " 0/3 {"), Entry(AT + 0.04, 0.069, "large-2", backend="pools")),
        (TCP, Entry(AT, 5.007, "large-2", backend="bck")),
        (TCP.replace("0/0/5007", "700/7/5007"), Entry(AT + 0.707, 4.3, "large-2", backend="bck")),
        (TCP.replace("0/0/5007", "700/7/5007")[:-1] + "1", Entry(AT + 0.707, 4.3, "large-2", None, "bck", waited=0.7)),
        (TCP.replace("0/0/5007", "500/700/7/5007"), Entry(AT + 0.707, 4.3, "large-2", backend="bck")),  # a handshake
    ],
)
def test_a_line_of_haproxy_is_a_session_from_its_connection_to_the_server_on(line: str, entry: Entry) -> None:
    found = haproxy_format(UTC).parse(line)
    assert found[:2] == pytest.approx(entry[:2], abs=1e-6)
    assert found._replace(start=0, duration=0) == entry._replace(
        start=0, duration=0, key="10.0.1.2:33317" if "haproxy" in line else None
    )


@pytest.mark.parametrize(("start", "seconds"), [("0.000, 2.5", 2.5), ("0.1, 7 : 2.5", 2.5), ("2.5", 2.5)])
def test_of_nginx_s_tries_the_last_counts(start: str, seconds: float) -> None:
    parse = json_format('{"end_s": 1}').parse
    assert parse(f'{{"end_s": 10, "duration_s": "{start}", "pool": "a-1"}}') == Entry(10 - seconds, seconds, "a-1")
    with pytest.raises(NotPlacedError):
        parse('{"end_s": 10, "duration_s": "0.000, -", "pool": ""}')


def test_the_date_is_of_the_time_zone_that_is_given() -> None:
    assert haproxy_format(ZoneInfo("Europe/Berlin")).parse(TCP).start == pytest.approx(AT - 3600, abs=1e-6)


def test_an_end_line_of_a_recipe_is_a_session_of_the_type_of_its_begin_line() -> None:
    form, end = slta_format(None, ["default", "video"]), "2026-11-25T11:55:26.784+0100 lb: slta1 end s-1 a-1 5.007"
    with pytest.raises(NoSessionError):
        form.parse("slta1 begin s-1 a-1 video haproxy:7")
    assert [*form.begun] == ["s-1"]
    found = form.parse(end)._replace(start=0)
    assert found == Entry(0, 5.007, "a-1", session_type="video", key="s-1")
    with pytest.raises(LineError, match="no begin line of this id, which has its session_type"):
        form.parse(end)


def test_a_bad_date_does_not_stand_for_the_next_line() -> None:
    parse = haproxy_format(UTC).parse
    for _ in range(2):
        with pytest.raises(LineError):
            parse(TCP.replace("25/Nov", "31/Nov"))
    assert parse(TCP).duration == 5.007
