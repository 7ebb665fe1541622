"""`make mutants`: mutations in a seeded order, each in a copy of the tree; prints how many tests noticed, by folder."""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from time import monotonic

from tests.mutants.copies import PACKAGED, ROOT, TEST_SECONDS, Copy
from tests.mutants.learning import all_tests, judging_tests, learn
from tests.mutants.operators import LANGUAGES, Mutation, mutations

SURVIVED, TIMED_OUT = "survived", "timed out"
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+(?:\[.*?\](?= - |$))?)", re.MULTILINE)
NO_TESTS = "deploy", "docs", "mutants", "benchmarks", "proxies", "api_fuzz"
"""Folders of tests that say nothing of packaged modules, or take minutes."""


def drawn(folder: str, seed: str, most: int | None) -> Iterator[Mutation]:
    """Mutations of the files below `folder` in the order of the seed, at most `most` of each folder."""
    found = [mutation for file in files(folder) for mutation in mutations(file, (ROOT / file).read_bytes())]
    random.Random(seed).shuffle(found)
    taken: Counter[str] = Counter()
    for mutation in found:
        taken[folder_of(mutation)] += 1
        if most is None or taken[folder_of(mutation)] <= most:
            yield mutation


def files(folder: str) -> list[str]:
    """Packaged Python and Lua files of git below a folder, or the one that is named."""
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for file in listed.splitlines() if file.startswith(PACKAGED) and file.endswith(tuple(LANGUAGES))]


def folder_of(mutation: Mutation) -> str:
    return mutation.file.rpartition("/")[0]


class Worker:
    """A copy of the tree. A test there notices a mutation if it fails with it, its file does so alone, and it passes
    without the mutation: on a server that others have used, or a machine that is busy, a test may fail by itself.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` are pytest's."""
        self._copy = Copy(folder)
        limits = "--timeout", str(TEST_SECONDS), "--timeout-method", "thread"
        self._options = "-x", "--no-cov", *limits, *options
        self._sound: set[str] = set()
        self._broken: set[str] = set()

    def judge(self, mutation: Mutation, tests: Sequence[str] = ()) -> str:
        """The first that notices of the tests, by default of those in the table; or that it timed out or survived."""
        left, verdict = [*(tests or judging_tests(mutation.file))], SURVIVED
        while left and (verdict := self._with(mutation, left)) not in {SURVIVED, TIMED_OUT}:
            of_file = [test for test in left if test.partition("::")[0] == verdict.partition("::")[0]]
            left, is_new = left[left.index(of_file[0]) :], verdict not in self._broken
            if self._is_sound(verdict) and self._with(mutation, of_file) != SURVIVED:
                return verdict
            if verdict in self._sound or not is_new:
                left, verdict = left[len(of_file) :], SURVIVED
        return verdict

    def _with(self, mutation: Mutation, tests: Sequence[str]) -> str:
        source = (ROOT / mutation.file).read_bytes()
        self._copy.write(mutation.file, source[: mutation.start] + mutation.after.encode() + source[mutation.end :])
        try:
            return self._run(tests)
        finally:
            self._copy.restore(mutation.file)

    def _run(self, tests: Sequence[str]) -> str:
        skipped = (f"--deselect={test}" for test in sorted(self._broken) if "::" in test)
        status, output = self._copy.pytest(tests, *self._options, *skipped)
        if status in {0, 5}:  # all passed; none was chosen
            return SURVIVED
        failed = FAILED.search(output)
        return TIMED_OUT if "+ Timeout +" in output else failed[1] if failed else tests[0]

    def _is_sound(self, test: str) -> bool:
        """Whether it passes without a mutation; each test is asked once, and left out from then on if it does not."""
        if test not in self._sound | self._broken:
            (self._sound if self._run([test]) == SURVIVED else self._broken).add(test)
        return test in self._sound


def judged(found: Iterator[Mutation], workers: int, seconds: float, folder: Path) -> Iterator[tuple[Mutation, str]]:
    """Mutations with the verdicts on them, until the time is over; those that have begun are ended."""
    idle: Queue[Worker] = Queue()
    for number in range(workers):
        idle.put(Worker(folder / str(number)))
    until = monotonic() + seconds

    def judge(mutation: Mutation) -> tuple[Mutation, str] | None:
        if monotonic() > until:
            return None
        worker = idle.get()
        try:
            return mutation, worker.judge(mutation)
        finally:
            idle.put(worker)

    with ThreadPoolExecutor(workers) as pool:
        yield from filter(None, pool.map(judge, found))


def report(verdicts: Iterator[tuple[Mutation, str]]) -> None:
    """Print each verdict as it comes, then the counts by folder and the survivors."""
    counts, noticed, survivors = Counter[str](), Counter[str](), []
    for mutation, verdict in verdicts:
        print(line := f"{mutation}: {verdict}", flush=True)
        counts[folder_of(mutation)] += 1
        noticed[folder_of(mutation)] += verdict != SURVIVED
        survivors += [line] if verdict == SURVIVED else []
    print("\nnoticed of drawn; a time-out counts as noticed")
    for folder, count in sorted(counts.items()):
        print(f"{noticed[folder]:5d} of {count:4d}, {noticed[folder] / count:4.0%}: {folder}")
    print(f"{noticed.total():5d} of {counts.total():4d}", *sorted(survivors), sep="\n")


def main() -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="no mutation begins after this time")
    parser.add_argument("--folder", default=".", help="only of files below this folder, or of this file")
    parser.add_argument("--count", type=int, help="at most so many of each folder")
    parser.add_argument("--seed", default=head.strip(), help="the order of the mutations; default: the commit's hash")
    parser.add_argument("--workers", type=int, default=1, help="each has a copy of the tree")
    parser.add_argument("--learn", nargs="*", help="fill the table of tests instead, by these files, or by all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        if options.learn is not None:
            tests = all_tests(options.learn or ["tests"])
            learn(Copy(Path(folder) / "0"), [test for test in tests if test.split("/")[1] not in NO_TESTS])
            return
        found = drawn(options.folder, options.seed, options.count)
        print(f"seed {options.seed}", flush=True)
        report(judged(found, options.workers, options.minutes * 60, Path(folder)))


if __name__ == "__main__":
    main()
