"""Simulation engine: event loop in virtual time, O(1) per event, that runs the rules of `slta.core`."""
