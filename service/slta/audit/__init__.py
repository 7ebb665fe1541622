"""Audit and repair of fleets: the store checks a fleet's keys, this package its compiled tables."""

from slta.audit.audit import audit_all, audit_fleet, audit_unlisted
from slta.audit.repair import Attempt, Consent, mend, repair_fleet, repair_suspect, resume

__all__ = [
    "Attempt",
    "Consent",
    "audit_all",
    "audit_fleet",
    "audit_unlisted",
    "mend",
    "repair_fleet",
    "repair_suspect",
    "resume",
]
