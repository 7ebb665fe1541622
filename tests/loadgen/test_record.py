import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta_loadgen.record import Record, mean_sessions


def test_the_mean_over_a_window_is_the_integral_over_its_length() -> None:
    record = Record()
    record.placed("a", 10.0)
    start = record.mark(20.0)
    record.placed("a", 22.0)
    record.placed("b", 24.0)
    record.ended("a", 28.0)
    end = record.mark(30.0)

    # a: 2 s at 1, 6 s at 2, 2 s at 1 = 16; b: 6 s at 1 = 6.
    assert mean_sessions(start, end) == pytest.approx((16 + 6) / 10)


def test_occupancies_leave_out_empty_pools() -> None:
    record = Record()
    record.placed("a", 1.0)
    record.placed("b", 1.0)
    record.ended("a", 2.0)

    assert record.occupancies() == {"b": 1}


def test_a_window_needs_a_length() -> None:
    record = Record()
    mark = record.mark(5.0)

    with pytest.raises(ValueError, match="positive length"):
        mean_sessions(mark, record.mark(5.0))


moments = st.integers(0, 100)
changes = st.lists(st.tuples(moments, st.sampled_from("abc"), st.sampled_from([1, -1])), max_size=40)


@given(changes, moments, moments)
def test_a_change_counts_to_the_end_of_the_window(changes: list[tuple[int, str, int]], one: int, other: int) -> None:
    start, end = min(one, other), max(one, other) + 1
    record, marks = Record(), {}
    expected = 0
    for moment in range(102):
        if moment in {start, end}:
            marks[moment] = record.mark(float(moment))
        for _, pool, change in (step for step in changes if step[0] == moment):
            (record.placed if change > 0 else record.ended)(pool, float(moment))
            expected += change * max(0, end - max(moment, start))

    assert mean_sessions(marks[start], marks[end]) * (end - start) == pytest.approx(expected, abs=1e-9)
