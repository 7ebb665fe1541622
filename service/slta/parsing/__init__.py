"""Parsing of untrusted input: names, exact numbers, strict JSON, and validation messages without the input."""

from slta.parsing.fields import NAME_PATTERN, NAME_RULE, Name, printable
from slta.parsing.validation_errors import explain

__all__ = ["NAME_PATTERN", "NAME_RULE", "Name", "explain", "printable"]
