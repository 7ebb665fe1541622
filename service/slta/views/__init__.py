"""Observations: a snapshot in the paper's terms, for the API, the metrics and the live page. Pure.

Totals are in sessions and in the unit of the fleet file, times in seconds. Values undefined without active pools are
None.
"""

from slta.views.averages import AveragesObservation, averages, mean_difference, observe_averages
from slta.views.expected_gap import PENDING, ExpectedGap, ExpectedGapQuestion, question_at, question_now
from slta.views.integrals import decode_integrals, encode_integrals
from slta.views.next_placement import NextPlacement, next_placement
from slta.views.state import ClassObservation, Instant, Observation, enumeration, instant, observe_state
from slta.views.what_if import WhatIf, changed, what_if

__all__ = [
    "PENDING",
    "AveragesObservation",
    "ClassObservation",
    "ExpectedGap",
    "ExpectedGapQuestion",
    "Instant",
    "NextPlacement",
    "Observation",
    "WhatIf",
    "averages",
    "changed",
    "decode_integrals",
    "encode_integrals",
    "enumeration",
    "instant",
    "mean_difference",
    "next_placement",
    "observe_averages",
    "observe_state",
    "question_at",
    "question_now",
    "what_if",
]
