"""Command line of the studies beside the paper: `python -m lab.studies --help`."""

from __future__ import annotations

import sys

from slta_experiments.cli import Study, command_line

PACKAGE = "lab.studies"

STUDIES = (
    Study(
        "cells",
        "Cost of splitting a fleet into 1 to 64 cells by hashing.",
        {"sizes": "2000,20000", "seeds": 3, "processes": 0},
        committed=("--seeds", "2"),
        package=PACKAGE,
    ),
    Study(
        "policies", "All policies on the same arrivals, on three fleets.", {"seeds": 4, "processes": 0}, package=PACKAGE
    ),
    Study(
        "suboptimal",
        "Section 9.3: loss of JLMU to the true optimum of small fleets.",
        {"seeds": 40, "processes": 0},
        package=PACKAGE,
    ),
    Study(
        "assumptions",
        "Other holding times, other arrivals, a day, a recorded trace: the bound, and the parts of the gap.",
        {"seeds": 4, "trace": None, "processes": 0},
        package=PACKAGE,
    ),
    Study(
        "state",
        "State and messages of each policy if the pools keep their own occupancy.",
        {"processes": 0},
        package=PACKAGE,
    ),
    Study(
        "index",
        "JLMU's rule on another order of coordinates, for small fleets, beside the optimum.",
        {"seeds": 8, "processes": 0},
        committed=("--seeds", "4"),
        package=PACKAGE,
    ),
    Study(
        "greedy",
        "Loss of SLTA and SLTA-greedy to JLMU: two, three and six classes, steady and moving loads.",
        {"seeds": 24, "processes": 0},
        package=PACKAGE,
    ),
    Study(
        "expected_gap",
        "Expected gap beside simulated ones, on 40 random fleets.",
        {"seeds": 20, "processes": 0},
        package=PACKAGE,
    ),
    Study(
        "which",
        "Policies and orders: two, three and six classes, 4 to 1,000 pools, steady and swinging loads.",
        {"seeds": 20, "processes": 0},
        package=PACKAGE,
    ),
    Study(
        "orders",
        "Gain of the orders by kinks and by the index: random fleets with many ties, small ones beside their optimum.",
        {"seeds": 20, "processes": 0},
        package=PACKAGE,
    ),
    Study("speed", "Cost of an event by n, compiled and in plain Python.", {}, package=PACKAGE),
)

app = command_line(STUDIES, "Simulate questions beside the paper: policies, orders, cells, assumptions.")

if __name__ == "__main__":
    sys.exit(app())
