"""Session types: sessions that may use some classes only. Not in the paper.

A session of type t may go to the classes S_t. N_t sessions of the type are on active pools, A_c active pools are in
class c, with H_c sessions. `sets` has the types, `prices` and `reserves` the rule of placement in a `market`, `bound`
the optimum U*(N_1 … N_T, A), also of means, `intervals` that of a course of time.
"""

DEFAULT_TYPE = "default"
"""Type of sessions that may use all classes."""
