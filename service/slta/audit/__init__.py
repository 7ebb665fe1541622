"""Audit and repair of fleets, from their stored documents."""

from slta.audit.audit import Ask, Attempt, audit_all, audit_fleet, audit_unlisted, mend, repair_fleet, repair_suspect

__all__ = [
    "Ask",
    "Attempt",
    "audit_all",
    "audit_fleet",
    "audit_unlisted",
    "mend",
    "repair_fleet",
    "repair_suspect",
]
