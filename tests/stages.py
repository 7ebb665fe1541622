"""Stages of `make test-all`: each is named and timed; all run, and the command fails if one of them did."""

from __future__ import annotations

import os
import subprocess
import sys
from time import monotonic

UNUSUAL = ("campaign", "browser", "compose", "install", "clients", "proxies", "kubernetes")
EVERYTHING = " and ".join(f"not {mark}" for mark in UNUSUAL)
PARALLEL = ("-n", "auto", "--dist", "loadfile")
ON_A_CLUSTER = ("tests/store/test_decisions.py", "tests/store/test_audits.py", "tests/api")
STAGES: dict[str, tuple[str, ...]] = {
    "tests on every server, slow ones too, with coverage": ("-m", EVERYTHING, *PARALLEL, "--cov"),
    "no test without the mark `slow` takes longer than a second": (*PARALLEL, "--longest", "1"),
    "decisions, the API and audits on a cluster of three masters": (*ON_A_CLUSTER, *PARALLEL),
    "live page in Chromium": ("-m", "browser"),
    "generated clients in Python, TypeScript and Go": ("-m", "clients", "--timeout", "900"),
    "real proxies on their recipes": ("-m", "proxies", "--timeout", "300"),
    "each way of installing": ("-m", "install", "--timeout", "900"),
}


def run(name: str, arguments: tuple[str, ...]) -> bool:
    """Run a stage; whether it passed."""
    print(f"\n== {name}", flush=True)
    began = monotonic()
    is_whole = "--cov" in arguments
    settings = {"SLTA_TEST_SERVERS": "all", "SLTA_TEST_PROFILE": "all-tests"} if is_whole else {}
    settings |= {"SLTA_TEST_STORE": "cluster"} if ON_A_CLUSTER[0] in arguments else {}
    command = [sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]]
    passed = subprocess.run(command, env=os.environ | settings, check=False).returncode == 0
    print(f"== {'passed' if passed else 'FAILED'} in {monotonic() - began:.0f} s: {name}", flush=True)
    return passed


if __name__ == "__main__":
    failed = [name for name, arguments in STAGES.items() if not run(name, arguments)]
    sys.exit(f"failed: {'; '.join(failed)}" if failed else None)
