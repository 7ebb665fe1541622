"""How late leases end, undisturbed and when one of three dispatchers is killed under load, in seconds of fleet time.

Each of 30 fleets has a session whose lease ends within a second after the kill; wrk assigns on another fleet by the
dispatchers that are left. `python -m lab.benchmarks.ticks_killed [--rounds 6] [--beside CHECKOUT]`: the killed
dispatcher is of that checkout, as in a rolling upgrade.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import httpx

from lab.benchmarks.load import Load, fleet_document
from lab.benchmarks.masters import client
from lab.benchmarks.ticks import FLEET, ROOT, create, dispatching
from tests import rawstate
from tests.servers import EMBEDDED, TextRedis, own_server

FLEETS = [f"fleet-{number}" for number in range(30)]
FLOODED = "f-1"
LEASE_SECONDS = 3
WATCH_SECONDS = 7.0
LOAD_SECONDS = LEASE_SECONDS + WATCH_SECONDS
STEP_SECONDS = 0.02


def lateness(redis: TextRedis, until: float) -> Iterator[float]:
    """For each fleet how much fleet time had passed since the lease was due when it was seen to have ended."""
    waiting = {fleet: int(redis.hvals(f"{{{fleet}}}:sessions")[0].split()[3]) for fleet in FLEETS}
    while waiting and time.monotonic() < until:
        for fleet, due in list(waiting.items()):
            seconds, micros = redis.time()
            fields = rawstate.fields(redis, fleet)
            if fields["sessions"] == "0":
                del waiting[fleet]
                passed = seconds * 1e6 + micros - float(fields["clock"])
                yield (float(fields["time"]) + passed) / 1e6 - due
        time.sleep(STEP_SECONDS)
    yield from (float("inf") for _ in waiting)


def play(*, kill: bool, killed_of: Path, seed: int) -> tuple[list[float], int]:
    """One round: how late each lease ended, and how many fleets hold leases."""
    documents = dict.fromkeys(FLEETS, FLEET) | {FLOODED: fleet_document(Load())}
    with own_server(EMBEDDED) as server, ExitStack() as stack, server.client() as redis:
        asyncio.run(create(server.url, documents))
        killed = stack.enter_context(dispatching(killed_of, server.url, 1))
        left = stack.enter_context(dispatching(ROOT, server.url, 2))
        clients = [client(url, 1, 1, LOAD_SECONDS, f"d{number}") for number, url in enumerate(left.urls)]
        time.sleep(2 + Random(seed).random() * 2)
        with httpx.Client(base_url=left.urls[0], timeout=10) as http:
            for fleet in FLEETS:
                body = {"session_id": "s", "lease_seconds": LEASE_SECONDS}
                http.post(f"/v1/fleets/{fleet}/assign", json=body).raise_for_status()
        time.sleep(LEASE_SECONDS - 0.5)
        if kill:
            os.kill(killed.processes[0], signal.SIGKILL)
        late = list(lateness(redis, time.monotonic() + WATCH_SECONDS))
        for process in clients:
            process.communicate()
        held = sum(rawstate.fields(redis, fleet)["hold_until"] != "0" for fleet in FLEETS)
    return late, held


def main() -> None:
    """Play rounds without and with a kill, and print the latest end of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--beside", type=Path, default=ROOT, help="checkout of the dispatcher that is killed")
    options = parser.parse_args()
    for kill in (False, True):
        rounds = [play(kill=kill, killed_of=options.beside.resolve(), seed=seed) for seed in range(options.rounds)]
        late = sorted(one for ends, _ in rounds for one in ends)
        held = sum(held for _, held in rounds)
        word = "killed" if kill else "undisturbed"
        print(
            f"{word}: median {late[len(late) // 2]:.2f} latest {late[-1]:.2f} s late, {held} held, {len(late)} leases"
        )


if __name__ == "__main__":
    main()
