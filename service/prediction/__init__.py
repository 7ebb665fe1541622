"""Expected placement gap, computed in a subprocess without blocking reads.

`program` is the subprocess, `predictor` its client, `predictions` the cache. This file imports nothing, to keep the
subprocess small.
"""
