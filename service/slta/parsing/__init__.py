"""Parsing of untrusted input: names, exact numbers, strict JSON, and validation messages without the input."""

from slta.parsing.fields import MAX_LEASE_SECONDS, NAME_PATTERN, NAME_RULE, Name, check_lease, read_number
from slta.parsing.validation_errors import NOT_A_NAME, explain

__all__ = [
    "MAX_LEASE_SECONDS",
    "NAME_PATTERN",
    "NAME_RULE",
    "NOT_A_NAME",
    "Name",
    "check_lease",
    "explain",
    "read_number",
]
