"""What more load than the dispatcher can bear does to it: the peak, then crowds, a slow store, an open loop.

One client, h2load (Debian: nghttp2-client), sends assigns with a lease of 2 s, so that the fleet stays as full as the
rate makes it; the end of each lease is work of the store as well. docs/performance.md explains the rows.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import httpx

from lab.benchmarks import bench_tables
from lab.benchmarks.client import begin, wrk_command
from lab.benchmarks.load import Load
from lab.benchmarks.running import MAX_FILES, Running, require, running
from lab.benchmarks.sides import SIDES
from tests.servers import EMBEDDED, Server

BODY = '{"lease_seconds": 2}'
STOPPED_SECONDS, RUNNING_SECONDS = 0.09, 0.01
CALM_SECONDS, CALM_ANSWERS, NEVER_CALM_SECONDS = 0.02, 10, 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """`compared` is the case whose good answers are 1; `times` is the rate asked for in those of it, `rate` in calls/s.

    Without a rate the loop is closed: each connection sends its next request when it has its answer.
    """

    name: str
    connections: int
    compared: str
    times: float | None = None
    rate: float | None = None
    slow: bool = False
    beside_bulk: bool = False


CASES = (
    Case("peak", 64, "peak"),
    Case("crowd", 2000, "peak"),
    Case("open", 4000, "peak", times=1.5),
    Case("slow store", 64, "slow store", slow=True),
    Case("slow store, crowd", 2000, "slow store", slow=True),
    Case("beside bulk", 8, "peak", rate=400.0, beside_bulk=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one case in one round. Latencies are of the good answers, as the client sees them.

    `calm_seconds`: from the end of the load until ten calls in turn took at most 20 ms each.
    """

    case: str
    round: int
    good_per_second: float
    refused_per_second: float
    unsent_per_second: float
    p50_ms: float
    p99_ms: float
    most_ms: float
    share: float
    grown_mib: float
    calm_seconds: float


def main() -> None:
    """Measure all cases in turn, print every run, then the medians."""
    options = _options()
    require("h2load")
    require("wrk")
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    facts = bench_tables.machine(EMBEDDED)
    print(bench_tables.describe(facts), flush=True)
    outcomes: list[Outcome] = []
    for round_ in range(1, options.rounds + 1):
        for outcome in play(round_, options.seconds):
            outcomes.append(outcome)
            print(f"round {round_}  {line(outcome)}", flush=True)
    print("\nmedians\n" + "\n".join(medians(outcomes)))
    if options.json:
        written = {**facts, "runs": [asdict(outcome) for outcome in outcomes]}
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def play(round_: int, seconds: float) -> Iterator[Outcome]:
    """All cases against one dispatcher and its store, both new."""
    rates: dict[str, float] = {}
    with running("ours", 1, needs_key=False) as dispatcher, tempfile.TemporaryDirectory() as folder:
        base = begin(SIDES["pairs"], dispatcher, Load(), f"round{round_}")
        for case in CASES:
            outcome = measure(case, dispatcher, base, Path(folder), seconds, rates, round_)
            rates.setdefault(case.name, outcome.good_per_second)
            yield outcome


def measure(
    case: Case, dispatcher: Running, base: str, folder: Path, seconds: float, rates: Mapping[str, float], round_: int
) -> Outcome:
    """One case, under its circumstances."""
    url = dispatcher.urls[0] + base.replace("%d", "1") + "/assign"
    rate = case.rate if case.times is None else case.times * rates[case.compared]
    before = resident_mib(dispatcher)
    assert dispatcher.store is not None
    with (
        slowed(dispatcher.store) if case.slow else nullcontext(),
        bulk_callers(dispatcher, base, seconds) if case.beside_bulk else nullcontext(),
    ):
        good, refused = h2load(url, case.connections, seconds, rate, folder)
    grown = resident_mib(dispatcher) - before
    good_rate, refused_rate = len(good) / seconds, refused / seconds
    return Outcome(
        case=case.name,
        round=round_,
        good_per_second=good_rate,
        refused_per_second=refused_rate,
        unsent_per_second=max(0.0, (rate or 0.0) - good_rate - refused_rate),
        p50_ms=good[len(good) // 2],
        p99_ms=good[len(good) * 99 // 100],
        most_ms=good[-1],
        share=good_rate / rates.get(case.compared, good_rate),
        grown_mib=grown,
        calm_seconds=until_calm(url),
    )


def h2load(url: str, connections: int, seconds: float, rate: float | None, folder: Path) -> tuple[list[float], int]:
    """Milliseconds of the good answers, sorted, and the number of the others. Raises ValueError without good ones."""
    body, log = folder / "body", folder / "log"
    body.write_text(BODY, encoding="utf-8")
    log.write_text("", encoding="utf-8")
    paced = [f"--rps={rate / connections:.3f}"] if rate else []
    command = ["h2load", "--h1", "-t", "1", "-c", str(connections), "-D", f"{seconds:g}", "-d", str(body)]
    command += [*paced, "-H", "content-type: application/json", f"--log-file={log}", url]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [row.split("\t") for row in log.read_text(encoding="utf-8").splitlines()]
    good = sorted(int(row[2]) / 1000 for row in rows if row[1] == "201")
    if not good:
        raise ValueError(f"h2load had no good answer:\n{said.stdout}{said.stderr}")
    return good, len(rows) - len(good)


@contextmanager
def slowed(store: Server) -> Iterator[None]:
    """A store that is stopped for 90 of every 100 ms."""
    ended = threading.Event()

    def stop_and_go() -> None:
        while not ended.wait(RUNNING_SECONDS):
            store.freeze()
            ended.wait(STOPPED_SECONDS)
            store.thaw()

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def bulk_callers(dispatcher: Running, base: str, seconds: float) -> Iterator[None]:
    """Four clients that send calls of 1,000 operations meanwhile."""
    load = Load(seconds=seconds)
    command = wrk_command(SIDES["bulk-1000"], dispatcher.urls[0], base, load, "", "b")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as callers:
        yield
        callers.wait()


def until_calm(url: str) -> float:
    """Seconds until ten calls in turn took at most 20 ms each. Raises TimeoutError."""
    began, answers = time.monotonic(), 0
    with httpx.Client(timeout=NEVER_CALM_SECONDS) as client:
        while answers < CALM_ANSWERS:
            asked = time.monotonic()
            good = client.post(url, json={"lease_seconds": 2}).is_success
            answers = answers + 1 if good and time.monotonic() - asked <= CALM_SECONDS else 0
            if time.monotonic() - began > NEVER_CALM_SECONDS:
                raise TimeoutError(f"not calm after {NEVER_CALM_SECONDS} s")
    return time.monotonic() - began


def resident_mib(dispatcher: Running) -> float:
    """Memory of the dispatcher's process."""
    text = Path(f"/proc/{dispatcher.processes[0]}/statm").read_text(encoding="utf-8")
    return int(text.split()[1]) * resource.getpagesize() / 2**20


def line(outcome: Outcome) -> str:
    """One run as a row of text."""
    return (
        f"{outcome.case:20} {outcome.good_per_second:9,.0f} good/s {outcome.refused_per_second:8,.0f} refused/s"
        f" {outcome.unsent_per_second:8,.0f} unsent/s  share {outcome.share:5.2f}  p50 {outcome.p50_ms:7.1f}"
        f" p99 {outcome.p99_ms:7.1f} most {outcome.most_ms:7.0f} ms  {outcome.grown_mib:+6.1f} MiB"
        f"  calm after {outcome.calm_seconds:.2f} s"
    )


def medians(outcomes: Sequence[Outcome]) -> list[str]:
    """A row for each case: the median of each figure over the rounds."""
    rows = []
    for case in CASES:
        own = [asdict(outcome) for outcome in outcomes if outcome.case == case.name]
        middle = {name: median(run[name] for run in own) for name in own[0] if name not in ("case", "round")}
        rows.append(line(Outcome(case=case.name, round=0, **middle)))
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-overload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of one run")
    parser.add_argument("--json", type=Path, help="also write every run to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
