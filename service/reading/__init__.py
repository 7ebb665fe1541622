"""What comes from outside, read once: names and numbers, strict JSON, and errors in words that show nothing of it."""

from service.reading.explanation import NOT_A_NAME, explain
from service.reading.fields import LONGEST_LEASE_SECONDS, NAME_PATTERN, NAME_RULE, Name, check_lease, read_number

__all__ = [
    "LONGEST_LEASE_SECONDS",
    "NAME_PATTERN",
    "NAME_RULE",
    "NOT_A_NAME",
    "Name",
    "check_lease",
    "explain",
    "read_number",
]
