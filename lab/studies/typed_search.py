"""Search for the typed fleets on which a price loses most utility against JLMU: random fleets, then hill climbing.

`python -m lab.studies.typed_search --pools 16 --looks 2000` prints fleets for `lab/studies/searched_fleets.json`.
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np

from lab.studies.kneed_fleets import KneedFleet, drawn
from lab.studies.typed_fleets import Rule
from slta.core.fleet import RESERVE
from slta_experiments.engine.simulate import FIRST_PRICED, PRICED
from slta_experiments.workload import generator

LOOKS, STARTS, KEPT = 2000, 0.35, 6
"""Fleets looked at, the part of them that is random, and those that are climbed from."""
RULES = {"first price": Rule(FIRST_PRICED), "no reserve": Rule(PRICED), "price": Rule(PRICED, RESERVE)}


def value(fleet: KneedFleet, line: str, sessions: int, seeds: range) -> float:
    """Utility above JLMU's on the same sessions, in percent."""
    case, gains = fleet.case("searched"), []
    horizon = sessions / (fleet.pools * sum(fleet.loads))
    for seed in seeds:
        workload = case.workload(seed, horizon)
        runs = (case.simulated(rule, workload, 0.15 * horizon, horizon) for rule in (RULES[line], Rule("JLMU")))
        own, jlmu = (run.gaps.utility_mean for run in runs)
        gains.append(100 * (own / jlmu - 1) if jlmu else 0.0)
    return float(np.mean(gains))


def mutated(rng: np.random.Generator, fleet: KneedFleet) -> KneedFleet:
    """The fleet with one thing changed: a load, a class's capacity, curve or pools, or a type's classes."""
    kind, c, t = rng.integers(5), int(rng.integers(len(fleet.classes))), int(rng.integers(len(fleet.sets)))
    own, loads, sets = fleet.classes[c], list(fleet.loads), list(fleet.sets)
    factor = math.exp(rng.normal(0, 0.3))
    if kind == 0:
        loads[t] = round(loads[t] * factor, 4)
    elif kind == 1:
        own = own._replace(capacity=int(np.clip(own.capacity + rng.integers(-3, 4), 2, 24)))
    elif kind == 2:
        own = own._replace(slope=round(own.slope * factor, 4), knee=own.knee + int(rng.integers(-2, 3)))
    elif kind == 3:
        own = own._replace(pools=max(1, own.pools + int(rng.integers(-2, 3))))
    else:
        sets[t] = tuple(sorted({*sets[t]} ^ {c})) or sets[t]
    own = own._replace(knee=min(max(own.knee, 1), own.capacity))
    classes = (*fleet.classes[:c], own, *fleet.classes[c + 1 :])
    return fleet._replace(classes=classes, sets=tuple(sets), loads=tuple(loads))


def search(line: str, pools: int, looks: int, seed: int, sessions: int = 20_000) -> list[tuple[float, KneedFleet]]:
    """The worst fleets found, worst first, by runs of so many sessions."""
    rng, first = generator(20, seed), round(STARTS * looks)
    starts = [drawn(rng, f"{line} {pools}.{seed}.{k}", pools) for k in range(first)]
    looked = sorted((value(fleet, line, 3 * sessions // 10, range(2)), fleet) for fleet in starts)
    found = [(value(fleet, line, sessions, range(77, 80)), fleet) for _, fleet in looked[:KEPT]]
    for _ in range(looks - first):
        k = int(rng.integers(KEPT))
        fleet = mutated(rng, found[k][1])
        if (
            0.5 * pools <= fleet.pools <= 1.5 * pools
            and (v := value(fleet, line, sessions, range(77, 80))) < found[k][0]
        ):
            found[k] = v, fleet
    return sorted(found)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--line", choices=RULES, default="price")
    parser.add_argument("--pools", type=int, default=16)
    parser.add_argument("--looks", type=int, default=LOOKS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for loss, fleet in search(options.line, options.pools, options.looks, options.seed):
        print(f"{loss:.2f} {json.dumps(fleet)}", flush=True)


if __name__ == "__main__":
    main()
