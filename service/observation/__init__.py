"""What a snapshot says in the paper's terms: pure, for the API, the metrics and the live page alike.

Totals are in sessions and in the unit of the fleet file, times in seconds. What does not exist without active
pools is None.
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
