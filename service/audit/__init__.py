"""Is every fleet as it must be? The store looks at its keys slice by slice; here its tables are compiled once more."""

from service.audit.checking import audit_all, audit_fleet
from service.audit.mending import Attempt, Consent, mend, repair_fleet, repair_suspect

__all__ = ["Attempt", "Consent", "audit_all", "audit_fleet", "mend", "repair_fleet", "repair_suspect"]
