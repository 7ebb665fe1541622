"""The placement gap that is to be expected of JLMU at a steady load: from curves, pools and load alone.

Not in the paper. With H_k the holes at rank k or better and E_k the sessions that are placed worse than k, in any state

    U*(N) − U = Σ_k (Δ_k − Δ_{k+1}) min(H_k, E_k)

by partial summation. `mismatch` finds the mean of min(H_k, E_k) of one rank from a Markov chain that is exact but for
the rate at which sessions leave pools beyond the rank, `departures` estimates that rate, and `gap` adds the ranks up,
from the worst to the best. docs/paper.md has the errors against simulation.
"""

from service.core.prediction.gap import MOST_STEPS, NotByMarginal, TooLarge, expected_placement_gap, steps_of

__all__ = ["MOST_STEPS", "NotByMarginal", "TooLarge", "expected_placement_gap", "steps_of"]
