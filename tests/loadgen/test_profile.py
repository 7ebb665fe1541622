from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta_loadgen.profile import InvalidProfileError, RateProfile, Segment, constant, day, parse_profile, through

rates = st.one_of(st.just(0.0), st.floats(0.001, 1_000))
segments = st.builds(Segment, st.floats(0.01, 10_000), rates, rates)
profiles = (
    st.lists(segments, min_size=1, max_size=6)
    .filter(lambda parts: any(part.expected_arrivals > 0 for part in parts))
    .map(lambda parts: RateProfile(tuple(parts)))
)


def exact_integral(profile: RateProfile, until: float) -> float:
    """∫ λ by trapezoids in rationals."""
    total, start = Fraction(0), Fraction(0)
    for duration, first, last in (map(Fraction, part) for part in profile.segments):
        length = min(duration, max(Fraction(0), Fraction(until) - start))
        rate_there = first + (last - first) * length / duration
        total += (first + rate_there) / 2 * length
        start += duration
    return float(total)


@given(profiles)
def test_expected_arrivals_are_the_area_under_the_rate(profile: RateProfile) -> None:
    area = exact_integral(profile, profile.duration_seconds)

    assert profile.expected_arrivals == pytest.approx(area, rel=1e-9)


@given(profiles, st.floats(0, 1, exclude_max=True))
def test_the_moment_of_an_expected_number_is_the_inverse_of_the_area(profile: RateProfile, fraction: float) -> None:
    expected = fraction * profile.expected_arrivals
    moment = profile.moment_of(expected)

    assert 0 <= moment <= profile.duration_seconds
    assert exact_integral(profile, moment) == pytest.approx(expected, rel=1e-7, abs=1e-7 * profile.expected_arrivals)


@given(profiles, st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=20))
def test_moments_rise_with_the_expected_number(profile: RateProfile, fractions: list[float]) -> None:
    moments = [profile.moment_of(f * profile.expected_arrivals) for f in sorted(fractions)]

    assert moments == sorted(moments)


@given(profiles, st.floats(0.01, 100))
def test_scaling_changes_the_rate_and_not_the_course(profile: RateProfile, factor: float) -> None:
    scaled = profile.scaled(factor)

    assert scaled.duration_seconds == profile.duration_seconds
    assert scaled.mean_rate == pytest.approx(factor * profile.mean_rate)


def test_steps_and_ramps_read_as_they_are_written() -> None:
    assert parse_profile("5@30, 5..12@20 ,12@.5").segments == (
        Segment(30.0, 5.0, 5.0),
        Segment(20.0, 5.0, 12.0),
        Segment(0.5, 12.0, 12.0),
    )


def test_the_rate_at_a_step_is_the_one_after_it() -> None:
    profile = parse_profile("5@30,10..20@10")

    assert [profile.rate_at(t) for t in (0, 29.9, 30, 35, 40)] == [5, 5, 10, 15, 20]


@pytest.mark.parametrize(
    "text", ["", "5", "5@", "@30", "5..@30", "5@0", "-5@30", "5@30,", "5@30;6@30", "nan@3", "1e3@3", "0@10", "0..0@5"]
)
def test_a_profile_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidProfileError):
        parse_profile(text)


def test_the_refusal_names_the_part() -> None:
    with pytest.raises(InvalidProfileError, match=r"expected RATE@SECONDS .* not '5\.\.@30'"):
        parse_profile("5@30,5..@30")


def test_a_day_has_the_mean_asked_for_and_a_busier_evening_than_morning() -> None:
    profile = day(9.75, duration_seconds=240.0)

    assert profile.duration_seconds == pytest.approx(240)
    assert profile.mean_rate == pytest.approx(9.75)
    assert profile.rate_at(200) > 4 * profile.rate_at(40)  # 20:00 and 4:00
    assert profile.rate_at(0) == pytest.approx(profile.rate_at(240))


def test_a_constant_is_a_line_through_two_equal_rates() -> None:
    assert constant(3.0, 10.0) == through([3.0, 3.0], 10.0)
