"""Clock of a log with local dates: seconds since 1970, also in the hour that comes twice when clocks go back."""

from __future__ import annotations

from datetime import datetime, tzinfo

from slta_planning.evaluate.entries import LineError

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class LocalClock:
    """Reads HAProxy's dates, in the order in which their lines were written."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._kept = ("", (0.0, 0.0))
        self._latest = float("-inf")

    @property
    def is_used(self) -> bool:
        """Whether a date was read."""
        return bool(self._kept[0])

    def read(self, minute: str, second: float, until_written: float) -> tuple[float, bool]:
        """Seconds since 1970 of a date whose line was written so much later, and whether it is of the second hour.

        It is, if its line were written an hour before others otherwise. Raises LineError for an invalid date.
        """
        first, again = self._both(minute)
        written, shift = first + second + until_written, again - first
        is_second = 0 < shift / 2 < self._latest - written < 1.5 * shift
        written += shift * is_second
        self._latest = max(self._latest, written)
        return written - until_written, is_second

    def _both(self, minute: str) -> tuple[float, float]:
        """When a minute comes first, and when for the second time; keeps the last, as most lines repeat it."""
        if self._kept[0] != minute:
            at = _date(minute, self._zone)
            self._kept = (minute, (at.timestamp(), at.replace(fold=1).timestamp()))
        return self._kept[1]


def _date(text: str, zone: tzinfo) -> datetime:
    day, month, rest = text.split("/")
    year, hour, minute = map(int, rest.split(":"))
    try:
        return datetime(year, MONTHS.index(month) + 1, int(day), hour, minute, tzinfo=zone)
    except ValueError:
        raise LineError(f"invalid date: {text}") from None
