"""Command line of the studies beside the paper: `python -m lab.studies --help`."""

from __future__ import annotations

import sys
from pathlib import Path

from slta_experiments.cli import Study, command_line

PACKAGE = "lab.studies"

STUDIES = (
    Study(
        "policies", "All policies on the same arrivals, on three fleets.", {"seeds": 4, "processes": 0}, package=PACKAGE
    ),
    Study(
        "which",
        "Policies and orders: two, three and six classes, 4 to 1,000 pools, steady and swinging loads.",
        {"seeds": 20, "processes": 0},
        package=PACKAGE,
    ),
    Study(
        "session-types",
        "JLMU with session types, without and with prices: designed, random, adversarial and searched fleets.",
        {"sizes": "24,200,1000", "seeds": 8, "processes": 0, "kept": "build/session-types.jsonl"},
        package=PACKAGE,
    ),
    Study(
        "learned-curves",
        "Curves learned from samples of pools, beside least connections, the weights, and wrong curves.",
        {"seeds": 12, "processes": 0},
        package=PACKAGE,
    ),
    Study("scale", "Pools added and removed by scale advice.", {"seeds": 20, "processes": 0}, package=PACKAGE),
)

app = command_line(STUDIES, "Compare policies and orders beside the paper, by simulation.", Path("lab/studies/results"))

if __name__ == "__main__":
    sys.exit(app())
