"""JLMU with prices against JLMU restricted to the type's classes, live: real dispatchers and the load generator.

Nested types on four classes whose capacities bind. Each run has a dispatcher and a store of its own; both sides get the
same arrivals and holding times. Restricted JLMU is the library with one condition of its policy changed: no setting.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from slta.runtime.main import serve
from slta.runtime.settings import Settings, read_settings
from slta.store.library import LUA_POLICIES, assemble
from testbed.processes import Process
from testbed.service_process import ServiceProcess

POOLS = 6
"""Of each class."""
MEAN_HOLDING = 10.0
WARM_UP = 20.0
OFFERED = {"one": 2.5, "two": 2.5, "all": 3.0}
"""Sessions of each type per pool of the fleet."""
CONCAVE = {"kind": "quadratic", "linear": 2, "quadratic": -0.05}
FLEET: dict[str, Any] = {
    "policy": "jlmu",
    "classes": [
        {"name": "a", "utility": {"kind": "linear", "slope": 1.5}, "capacity": 12, "pools": POOLS},
        {"name": "b", "utility": {"kind": "linear", "slope": 1}, "capacity": 14, "pools": POOLS},
        {"name": "c", "utility": CONCAVE, "capacity": 10, "pools": POOLS},
        {"name": "d", "utility": {"kind": "linear", "slope": 0.5}, "capacity": 20, "pools": POOLS},
    ],
    "session_types": {"one": ["a"], "two": ["a", "b"], "all": ["a", "b", "c", "d"]},
}
SIDES = ("restricted", "priced")
CONDITION = "if not fleet.types or unpriced then"


def serve_side(side: str, settings: Settings) -> None:
    """`restricted` without prices."""
    source = LUA_POLICIES["jlmu"].read_text(encoding="utf-8")
    if CONDITION not in source:
        raise RuntimeError("the condition of the policy has changed")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jlmu.lua"
        file.write_text(source.replace(CONDITION, "if true then"), encoding="utf-8")
        policies = LUA_POLICIES if side == "priced" else {**LUA_POLICIES, "jlmu": file}
        library = assemble(policies)
    serve(settings, library=library)


def measured(side: str, seed: int, seconds: float) -> dict[str, float]:
    """Mean utility after the warm-up, and the sessions refused."""
    program = ("-m", "lab.benchmarks.types_live", "--serve", side)
    with tempfile.TemporaryDirectory() as folder, ServiceProcess(Path(folder), program=program) as service:
        return _run(service.url, seed, seconds)


def _run(url: str, seed: int, seconds: float) -> dict[str, float]:
    with httpx.Client(base_url=url, timeout=10) as http:
        http.put("/v1/fleets/live", json=FLEET).raise_for_status()
        shares = ",".join(f"{name}={load / sum(OFFERED.values())}" for name, load in OFFERED.items())
        load = ["--load", str(sum(OFFERED.values())), "--mean-holding", str(MEAN_HOLDING), "--duration", str(seconds)]
        order = ["run", "--url", url, "--fleet", "live", *load, "--session-types", shares, "--seed", str(seed)]
        command = [sys.executable, "-m", "slta.cli", "loadgen", *order, "--progress", "json"]
        with Process(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as generator:
            time.sleep(WARM_UP)
            since = http.get("/v1/fleets/live/state").json()["integrals"]
            before = _refused(http)
            time.sleep(seconds - WARM_UP - 1)
            means = http.get("/v1/fleets/live/averages", params={"since": since}).json()
            refused = {name: count - before[name] for name, count in _refused(http).items()}
            generator.wait()
        pools = POOLS * len(FLEET["classes"])
        return {"utility": means["utility_mean"] * pools, **{f"refused {name}": n for name, n in refused.items()}}


def _refused(http: httpx.Client) -> dict[str, int]:
    types = http.get("/v1/fleets/live/state").json()["session_types"]
    return {one["name"]: sum(one["refused"].values()) for one in types if one["name"] in OFFERED}


def main() -> None:
    """Print each run, then the means of both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=SIDES)
    parser.add_argument("--port", type=int)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.serve:
        serve_side(options.serve, read_settings(port=options.port, data_dir=options.data_dir))
        return
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for seed in range(1, options.runs + 1):
        for side in SIDES:
            found[side].append(measured(side, seed, options.seconds))
            print(f"run {seed} {side}: {json.dumps(found[side][-1])}", flush=True)
    for side, runs in found.items():
        means = {name: round(statistics.mean(run[name] for run in runs), 2) for name in runs[0]}
        print(f"mean {side}: {json.dumps(means)}")


if __name__ == "__main__":
    main()
