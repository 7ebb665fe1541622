"""Model of the paper: Goldsztajn, Borst, van Leeuwaarden, *Utility maximizing load balancing policies* (2023).

Pure: standard library only, no clock, no I/O, no global random.

| paper | name here | module | section |
|---|---|---|---|
| u_i(x), Δ(i, x) | `PoolClass.utility`, `Utility.value`, `Utility.marginal` | utility, marginals | 2.1, 2.3 |
| (i, j), the order ▷, (i_r, j_r) | `Coordinate`, `rank_coordinates`, `Ranking.coordinate` | ranking | 2.3 |
| ℓ_i(r) | `Ranking.threshold`, `Ranking.thresholds` | ranking | 3.2 |
| σ*, r*, q*(i, j) | `optimum`, `Optimum.rank`, `optimal_assignment` | optimum | 2.3, eq. 4, 5 |
| u*(ρ), U*(N, A) | `utility_bound`, `Optimum.utility` | optimum | 2.4, Theorem 1 |
| ∂U*/∂N, ∂U*/∂A(i) | `Optimum.price`, `pool_worth` | optimum | duals of (2) |
| q(i, j), s, u(q) | `counts_of`, `total_sessions`, `total_utility` (all times n) | occupancy | 2.1, eq. 1 |
| ⟨u⟩ ≤ ⟨u*(s)⟩ ≤ u*(⟨s⟩) | `Averages`, `gaps`, `Gaps` | gaps | 2.4, 3.4.1 |
| JLMU, σ(q) | `policies.Jlmu`, `policies.jlmu` | policies.jlmu | 3.1, eq. 6 |
| SLTA | `policies.Slta`, `policies.slta` | policies.slta | 3.2, appendix A |
| r, tokens, β_n | `Tokens.rank`, `Tokens.tokens`, `Beta` | policies.tokens | 3.2 |
| Λ(q, i, j), dq/dt | `fluid.arrival_rates`, `fluid.derivative` | fluid | 4.1, eq. 10 |

Not in the paper:

| here | module |
|---|---|
| fleet specification, limits, marginal utilities as integers | fleet, limits, integers |
| other orders of coordinates | orders |
| other policies | policies.slta_greedy, policies.observe |
| utility of an even spread | least_connections |
| difference at placing | differences |
| measured quality, drift of curves | quality |
| scale advice: how many pools of each class | scaling |
| session types: prices, and the optimum under restrictions | session_types |
"""
