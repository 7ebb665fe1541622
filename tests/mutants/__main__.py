"""`make mutants`: which of the mutations that are kept do tests notice? A run goes on where one stopped.

It prints the table of folders and the mutations that no test notices. Before the first, `--record` runs the tests once
to learn which of them run which line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from tests.mutants import drawing
from tests.mutants.copies import ROOT
from tests.mutants.drawing import Kept, find, folder_of
from tests.mutants.judging import SURVIVED, TIMED_OUT, Judge
from tests.mutants.operators import Mutation
from tests.mutants.recording import ALL, exists, record, stages

GONE = "gone"
Results = dict[Kept, tuple[str, float]]
"""Verdict and seconds: a test that notices, or one of three words."""
Judging = Callable[[Mutation, Kept], str]


def results(file: Path) -> Results:
    """What a file of results has; a last line that was not written to its end is taken out."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if (whole := text[: text.rfind("\n") + 1]) != text:
        file.write_text(whole, encoding="utf-8")
    rows = map(json.loads, whole.splitlines())
    return {Kept(*row["mutation"]): (row["verdict"], row["seconds"]) for row in rows}


def run(wanted: Sequence[Kept], judge: Judging, file: Path, seconds: float) -> None:
    """Judge those that the file has no result of, until the time is over; one that has begun is ended."""
    until, known = monotonic() + seconds, results(file)
    left = [kept for kept in wanted if kept not in known]
    file.parent.mkdir(parents=True, exist_ok=True)
    for kept in left:
        if (began := monotonic()) > until:
            break
        mutation = find(kept)
        verdict = judge(mutation, kept) if mutation else GONE
        row = {"mutation": kept, "verdict": verdict, "seconds": round(monotonic() - began, 1)}
        with file.open("a", encoding="utf-8") as to:
            to.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(f"{row['seconds']:6.1f} s {kept}: {verdict}", flush=True)


def table(wanted: Iterable[Kept], judged: Results) -> Iterator[str]:
    """Lines of noticed and all by folder, then the mutations that are of interest."""
    by_folder: dict[str, list[str]] = {}
    for kept in wanted:
        by_folder.setdefault(folder_of(kept.file), []).append(judged.get(kept, ("", 0))[0])
    yield "noticed of those that were judged and are not gone; a time-out counts as noticed"
    for folder, verdicts in sorted(by_folder.items()):
        yield _row(folder, verdicts)
    yield _row("in all", [verdict for verdicts in by_folder.values() for verdict in verdicts])
    for word in (SURVIVED, TIMED_OUT, GONE):
        found = [(kept, *judged[kept]) for kept in wanted if judged.get(kept, ("", 0))[0].startswith(word)]
        yield from (f"{verdict}, {seconds:.0f} s: {kept}" for kept, verdict, seconds in found)


def _row(folder: str, verdicts: Sequence[str]) -> str:
    judged = [verdict for verdict in verdicts if verdict not in {"", GONE}]
    noticed = sum(verdict != SURVIVED for verdict in judged)
    left, gone = verdicts.count(""), verdicts.count(GONE)
    notes = [f"{left} to do"] * bool(left) + [f"{gone} gone"] * bool(gone)
    share = f"{noticed / len(judged):5.0%}" if judged else "    –"
    return f"{noticed:5d} of {len(judged):4d} {share}  {', '.join([folder, *notes])}"


def judging(folder: Path, base: Mapping[Kept, tuple[str, float]]) -> Judging:
    """Ask first the test that noticed in the base, where it is still there."""
    judge = Judge(folder)

    def verdict(mutation: Mutation, kept: Kept) -> str:
        before = [test for test in [base.get(kept, ("", 0))[0]] if "::" in test and exists(test)]
        return judge.judge(mutation, [*([before] if before else []), *stages(mutation.file, mutation.line)])

    return verdict


def main() -> None:
    options = _parser().parse_args()
    if options.record:
        record()
    elif options.draw:
        drawing.write(drawing.draw(options.seed or "1"))
    else:
        _judge(options)


def _judge(options: Any) -> None:
    wanted = drawing.spread(options.seed, options.folder, options.count) if options.seed else drawing.read()
    wanted = [kept for kept in wanted if kept.file.startswith(options.folder.removeprefix("."))]
    if not ALL.exists() and any(kept.file.endswith(".py") for kept in wanted):
        raise SystemExit('Which test runs which line is not known: make mutants ARGS="--record", once')
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        base = results(options.base) if options.base else {}
        run(wanted, judging(Path(folder), base), options.results, options.minutes * 60)
    print(*table(wanted, results(options.results)), sep="\n")


def _parser() -> argparse.ArgumentParser:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    at = ALL.with_name(f"{head[:12]}.jsonl")
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--record", action="store_true", help="learn which test runs which line, where tests changed")
    parser.add_argument("--minutes", type=float, default=10, help="no mutation begins after this time; default: 10")
    parser.add_argument("--folder", default=".", help="only of files whose path begins so")
    parser.add_argument("--results", type=Path, default=at, help="default: one for the commit, in build/mutants")
    parser.add_argument("--base", type=Path, help="earlier results: ask first the test that noticed")
    parser.add_argument("--seed", help="draw other mutations than those that are kept")
    parser.add_argument("--count", type=int, default=100, help="so many, of all folders together; default: 100")
    parser.add_argument("--draw", action="store_true", help="draw those that are kept anew, and forget the others")
    return parser


if __name__ == "__main__":
    main()
