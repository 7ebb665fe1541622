"""See it work: a fleet, a load and a live view, all real processes that talk over HTTP."""
