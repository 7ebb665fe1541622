"""Engine for session types: JLMU among the classes of a type, with and without prices, and the bound by intervals.

`prices` is the rule of `slta.core.session_types` on flat arrays, and `bound` its bound at many means, held to them by
tests.
"""
