"""Expected placement gap of JLMU at a steady load, from curves, pools and load.

Not in the paper. With H_k the holes at rank k or better and E_k the sessions at ranks worse than k, in any state

    U*(N) − U = Σ_k (Δ_k − Δ_{k+1}) min(H_k, E_k)

by partial summation. `mismatch` computes the mean of min(H_k, E_k) of one rank from a Markov chain that is exact except
for the departure rate of pools beyond the rank, `departures` estimates that rate, and `gap` sums over the ranks, from
the worst to the best. `offered_load` is the load to predict for if sessions are refused, and `usual` the gap at a
mean number of sessions. docs/results.md has the errors against simulation.
"""

from slta_planning.expected_gap.gap import (
    MAX_STEPS,
    NotByMarginalError,
    TooLargeError,
    expected_placement_gap,
    slots_of,
    steps_of,
)
from slta_planning.expected_gap.offered_load import MAX_REFUSED, blocking, offered_load
from slta_planning.expected_gap.usual import usual_gap

__all__ = [
    "MAX_REFUSED",
    "MAX_STEPS",
    "NotByMarginalError",
    "TooLargeError",
    "blocking",
    "expected_placement_gap",
    "offered_load",
    "slots_of",
    "steps_of",
    "usual_gap",
]
