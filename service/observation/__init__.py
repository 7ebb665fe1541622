"""Observations: a snapshot in the paper's terms, for the API, the metrics and the live page. Pure.

Totals are in sessions and in the unit of the fleet file, times in seconds. Values undefined without active pools are
None.
"""

from service.observation.averages import AveragesObservation, averages, mean_difference, observe_averages
from service.observation.expectation import PENDING, Expected, Question, question_at, question_now
from service.observation.integrals import decode_integrals, encode_integrals
from service.observation.next_placement import NextPlacement, next_placement
from service.observation.state import ClassObservation, Instant, Observation, enumeration, instant, observe_state
from service.observation.what_if import WhatIf, changed, what_if

__all__ = [
    "PENDING",
    "AveragesObservation",
    "ClassObservation",
    "Expected",
    "Instant",
    "NextPlacement",
    "Observation",
    "Question",
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
