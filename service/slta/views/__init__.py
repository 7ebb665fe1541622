"""Observations: a snapshot in the paper's terms, for the API, the metrics and the live page. Pure.

Totals are in sessions and in the unit of the fleet file, times in seconds. Values undefined without active pools are
None.
"""
