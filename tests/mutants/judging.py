"""The judgement of a mutation: which test of a copy of the tree notices it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.mutants.copies import ROOT, TEST_SECONDS, Copy
from tests.mutants.operators import Mutation

SURVIVED, TIMED_OUT = "survived", "timed out"
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+(?:\[.*?\](?= - |$))?)", re.MULTILINE)


class Judge:
    """A copy of the tree. A test there notices a mutation if it fails with it, does so alone, and passes without it:
    on a machine that is busy, or in a copy without its history in git, a test may fail by itself.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` are pytest's."""
        self._copy = Copy(folder)
        self._options = "-x", "--no-cov", "--timeout", str(TEST_SECONDS), "--timeout-method", "thread", *options
        self._sound: set[str] = set()
        self._broken: set[str] = set()

    def judge(self, mutation: Mutation, stages: Iterable[Sequence[str]]) -> str:
        """The first test that notices, stage by stage; or that it timed out, with where it did, or survived."""
        source = (ROOT / mutation.file).read_bytes()
        changed = source[: mutation.start] + mutation.after.encode() + source[mutation.end :]
        try:
            verdicts = (self._stage(mutation.file, changed, tests) for tests in stages)
            return next((verdict for verdict in verdicts if verdict != SURVIVED), SURVIVED)
        finally:
            self._copy.restore(mutation.file)

    def _stage(self, file: str, changed: bytes, tests: Sequence[str]) -> str:
        doubted: set[str] = set()
        while True:
            self._copy.write(file, changed)
            verdict = self._run(tests, doubted)
            if verdict == SURVIVED or verdict.startswith(TIMED_OUT):
                return verdict
            if self._run([verdict]) != SURVIVED and self._is_sound(verdict, file):
                return verdict
            if verdict in doubted:
                return SURVIVED
            doubted.add(verdict)

    def _run(self, tests: Sequence[str], doubted: Iterable[str] = ()) -> str:
        left_out = {*doubted, *self._broken}
        files = [f"--ignore={test}" for test in sorted(left_out) if "::" not in test]
        skipped = [f"--deselect={test}" for test in sorted(left_out) if "::" in test]
        asked = [test for test in tests if test not in left_out]
        status, output = self._copy.pytest(asked, *self._options, *skipped, *files) if asked else (0, "")
        if status in {0, 5}:  # all passed; none was chosen
            return SURVIVED
        failed = FAILED.search(output)
        return f"{TIMED_OUT}: {tests[0]}" if "+ Timeout +" in output else failed[1] if failed else tests[0]

    def _is_sound(self, test: str, file: str) -> bool:
        """Whether it passes without a mutation; each test is asked once, and left out from then on if it does not."""
        if test not in self._sound | self._broken:
            self._copy.restore(file)
            (self._sound if self._run([test]) == SURVIVED else self._broken).add(test)
        return test in self._sound
