"""The gap that is to be expected, computed in a process of its own: no read ever waits for it.

`program` is that process, `predictor` starts and ends it, and `predictions` knows what was asked and answered. This
file imports nothing, so that the process stays small.
"""
