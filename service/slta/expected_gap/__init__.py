"""Expected placement gap, computed in a subprocess without blocking reads.

| module | owns |
|---|---|
| worker | the subprocess |
| worker_client | `ExpectedGapWorker`, its client |
| schedule | order and share of predictions |
| cache | `ExpectedGapCache` |

This file imports nothing, to keep the subprocess small.
"""
