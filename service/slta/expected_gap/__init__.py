"""Expected placement gap, computed in the subprocess of `calculations` without blocking reads.

| module | owns |
|---|---|
| schedule | order and share of predictions |
| cache | `ExpectedGapCache` |
"""
