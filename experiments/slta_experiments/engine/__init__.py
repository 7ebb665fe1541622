"""Simulation engine: event loop in virtual time, O(1) per event, that runs the rules of `slta.core`.

A fleet without session types has one that may use all classes. `type_bounds` is the bound of `slta.core` at many means.
"""
