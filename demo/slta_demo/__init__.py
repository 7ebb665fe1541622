"""Demonstration: a fleet, a load generator and a live view, as real processes that talk over HTTP."""
