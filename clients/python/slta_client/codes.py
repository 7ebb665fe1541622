"""Error codes that mean something else than their status says. `make format` writes this file."""

MEANINGS = {
    # code: (applied, when the same call can succeed)
    "advice_withheld": ("no", "later"),
    "dispatcher_unavailable": ("no", "later"),
    "document_unreadable": ("no", "later"),
    "fleet_damaged": ("no", "later"),
    "newer_fleet": ("no", "later"),
    "outcome_unknown": ("perhaps", "at_once"),
    "overloaded": ("no", "later"),
    "recovering": ("no", "later"),
    "store_unavailable": ("no", "at_once"),
    "too_many_connections": ("no", "later"),
    "too_many_viewers": ("no", "later"),
    "unsupported_http_version": ("no", "changed"),
    "unsupported_transfer_coding": ("no", "changed"),
}
