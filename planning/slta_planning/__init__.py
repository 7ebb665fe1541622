"""Offline planning tools for operators, on `slta.core` and the experiments' engine.

| folder | owns |
|---|---|
| check | validation of a fleet file, and what follows from it |
| plan | the cheapest fleet for a floor, or the best for a budget |
| fit | utility curves, fitted to samples |
| evaluate | losses of a recorded placement, and of policies on the same sessions |
| expected_gap | expected placement gap of JLMU, by a Markov chain |

| module | owns |
|---|---|
| simulation | simulation of a fleet, each policy on the same arrivals |
| refusing, names | reports of an invalid fleet file; names in options and headers |
| decoding | lines of a file's bytes: gzip, encodings, separators |
| text | formatting as text and JSON |
"""
