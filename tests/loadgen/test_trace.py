from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from slta_loadgen.trace import InvalidTraceError, TraceLength, measure_trace, read_trace, session_seconds_between
from slta_loadgen.workload import PlannedSession

Trace = Callable[..., Path]


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "trace.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize(
    ("text", "speed", "expected"),
    [
        ("start_s,duration_s\n0.5,2\n0.5,0\n4.25,1e1\n", 1.0, [(0.5, 2), (0.5, 0), (4.25, 10)]),
        ("start_s,duration_s\n2,6\n4,8\n", 2.0, [(1, 3), (2, 4)]),
        ("\ufeffstart_s, duration_s\r\n0,1\r\n\r\n2,3\r\n", 1.0, [(0, 1), (2, 3)]),  # of a spreadsheet
    ],
)
def test_a_trace_is_read_in_order(trace: Trace, text: str, speed: float, expected: list[tuple[float, float]]) -> None:
    assert list(read_trace(trace(text), speed=speed)) == [PlannedSession(*one) for one in expected]


def test_a_trace_may_have_session_types(trace: Trace) -> None:
    path = trace("start_s, duration_s, session_type\n0,2,video\n2,4, \n4,6,chat\n")

    assert [one.session_type for one in read_trace(path, speed=2.0)] == ["video", None, "chat"]
    assert measure_trace(path).session_types == ("video", "chat")


def test_a_trace_is_streamed_not_loaded(trace: Trace) -> None:
    path = trace("start_s,duration_s\n0,1\n1,1\nnonsense,1\n")

    assert list(islice(read_trace(path), 2)) == [PlannedSession(0, 1), PlannedSession(1, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the first line must be start_s,duration_s"),
        ("0,1\n", "line 1: the first line must be start_s,duration_s, not '0,1'"),
        ("start_s,duration_s\n0,1\n1\n", "line 3: 1 columns instead of 2"),
        ("start_s,duration_s\n0,1,2\n", "line 2: 3 columns instead of 2"),
        ("start_s,duration_s\n0,1\n1,x\n", "line 3: duration_s is not a number: 'x'"),
        ("start_s,duration_s,pool\n", "line 1: the first line must be start_s,duration_s or start_s,duration_s,sess"),
        ("start_s,duration_s,session_type\n0,1\n", "line 2: 2 columns instead of 3"),
        ('start_s,duration_s,session_type\n0,1,"a""b"\n', "line 2: session_type is not a name: 'a\"b'"),
        ("start_s,duration_s\n0,-1\n", "line 2: duration_s must be finite and not negative: '-1'"),
        ("start_s,duration_s\nnan,1\n", "line 2: start_s must be finite"),
        ("start_s,duration_s\n0,inf\n", "line 2: duration_s must be finite"),
        ("start_s,duration_s\n\n2,1\n1,1\n", "line 4: start_s 1.0 comes after 2.0: sort the trace by start"),
        ('start_s,duration_s\n"0"x,1\n', "line 2: "),
    ],
)
def test_a_bad_line_is_named(trace: Trace, text: str, message: str) -> None:
    path = trace(text)

    with pytest.raises(InvalidTraceError) as error:
        list(read_trace(path))

    assert f"{path}, {message}" in str(error.value)


def test_a_file_that_is_not_text_is_refused(trace: Trace) -> None:
    with pytest.raises(InvalidTraceError):
        list(read_trace(trace("start_s,duration_s\n0,1\n", encoding="utf-16")))


def test_a_speed_is_positive(trace: Trace) -> None:
    with pytest.raises(ValueError, match="speed"):
        read_trace(trace("start_s,duration_s\n"), speed=0)


def test_a_trace_is_measured_at_the_speed_it_will_play(trace: Trace) -> None:
    path = trace("start_s,duration_s\n0,50\n10,2\n20,4\n")

    assert measure_trace(path, speed=2.0) == TraceLength(
        sessions=3, last_start_seconds=10, last_end_seconds=25, session_seconds=28
    )


def test_what_sessions_last_is_cut_off_at_both_ends(trace: Trace) -> None:
    """At speed 2 from 2 s to 8 s: 0 to 25, 5 to 6, and 10 to 12, which is too late."""
    path = trace("start_s,duration_s\n0,50\n10,2\n20,4\n")
    assert session_seconds_between(path, 2, 8, speed=2.0) == 6 + 1


def test_a_trace_without_sessions_is_refused(trace: Trace) -> None:
    with pytest.raises(InvalidTraceError, match="no sessions"):
        measure_trace(trace("start_s,duration_s\n"))
