"""Engine for session types: JLMU among the classes of a type, with and without prices, and the kept optimum.

`prices` and `assignment` are the rules of `slta.core.session_types` on flat arrays, held to them by tests.
"""
