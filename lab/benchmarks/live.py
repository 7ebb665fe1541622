"""The policies live over HTTP, in turns: what each loses to placement on the same swinging load.

    python -m lab.benchmarks.live --turns 5

Each run is one `slta demo`: a service with its store, and a load generator beside it. The policies of a turn meet the
same seed; they begin in another order each turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from lab.benchmarks.markdown import table

FLEET = Path(__file__).parents[2] / "examples" / "saturating.yaml"
POLICIES = ("slta", "slta-greedy", "jlmu")
SETTING = {
    "--fleet": FLEET,
    "--pools": 20,
    "--load": "5..12",
    "--mean-holding": 3,
    "--duration": 60,
    "--warm-up": 15,
}
"""Figure 3's right fleet. A swing of the load takes twelve mean holding times, 36 s."""

Run = Mapping[str, Any]


def run(policy: str, seed: int, setting: Mapping[str, object]) -> Run:
    """What one demonstration ends with."""
    with tempfile.TemporaryDirectory(prefix="slta-live-") as folder:
        file = Path(folder) / "run.json"
        words = [f"{name}={value}" for name, value in {**setting, "--policy": policy, "--seed": seed}.items()]
        command = [sys.executable, "-m", "slta.cli", "demo", *words, f"--json={file}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found: Run = json.loads(file.read_text(encoding="utf-8"))
        return found


def turn(seed: int, setting: Mapping[str, object]) -> list[Run]:
    """Each policy once."""
    first = seed % len(POLICIES)
    return [run(policy, seed, setting) for policy in (*POLICIES[first:], *POLICIES[:first])]


def lost(runs: Sequence[Run], policy: str) -> list[float]:
    """The placement gap of each turn, in percent of the bound, in the order of the seeds."""
    mine = sorted((run for run in runs if run["policy"] == policy), key=lambda run: run["seed"])
    return [100 * run["relative_placement_gap"] for run in mine]


def mean_and_error(values: Sequence[float]) -> str:
    """The mean ± one standard error; no error of a single value."""
    if len(values) < 2:
        return f"{mean(values):.4f}"
    return f"{mean(values):.4f} ± {stdev(values) / len(values) ** 0.5:.4f}"


def summary(runs: Sequence[Run]) -> str:
    """A Markdown table: each policy, and what it loses to JLMU in the same turn."""
    best = lost(runs, "jlmu")
    rows = []
    for policy in POLICIES:
        mine = lost(runs, policy)
        errors = sum(run["errors"] for run in runs if run["policy"] == policy)
        paired = mean_and_error([one - other for one, other in zip(mine, best, strict=True)])
        rows.append((policy, mean_and_error(mine), paired, str(errors)))
    return table(("policy", "placement gap, % of the bound", "more than JLMU", "errors"), rows)


def main() -> None:
    """Run the turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for every run")
    options = parser.parse_args()
    runs: list[Run] = []
    for seed in range(options.first_seed, options.first_seed + options.turns):
        runs += turn(seed, SETTING)
        print(f"\n{seed - options.first_seed + 1} of {options.turns} turns\n{summary(runs)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
