"""Mistakes in the gap that is to be expected, and in how it is asked for."""

from __future__ import annotations

from tests.mutants.planting import Mutant


def core(module: str, right: str, wrong: str) -> Mutant:
    """In the mathematics."""
    return Mutant(f"service/slta/core/expected_gap/{module}.py", right, wrong, ("tests/core/test_expected_gap.py",))


def asking(module: str, right: str, wrong: str) -> Mutant:
    """In what is remembered of its answers, and when it is asked."""
    return Mutant(f"service/slta/expected_gap/{module}.py", right, wrong, ("tests/expected_gap",))


def calculating(module: str, right: str, wrong: str) -> Mutant:
    """In the process."""
    return Mutant(f"service/slta/calculations/{module}.py", right, wrong, ("tests/expected_gap",))


def question(right: str, wrong: str) -> Mutant:
    """In what is asked."""
    return Mutant("service/slta/views/expected_gap.py", right, wrong, ("tests/views/test_expected_gap.py",))


MUTANTS = {
    "departures leave sessions beyond alone": core("departures", "(first.level - 1)", "0"),
    "the next rank adds nothing": core("departures", "more * min(", "0 * min("),
    "misplaced sessions are forgotten": core("gap", "        beyond.solved(rank, found)\n", ""),
    "the frontier's rank is left out": core("gap", "yield rank, found.mean", "yield rank - 1, found.mean"),
    "holes far below do not count": core("mismatch", "return Mismatch(holes / weights)", "return Mismatch(0.0)"),
    "rows are cut off at once": core("mismatch", "if not missing or row[-1]", "if True or row[-1]"),
    "weights are not scaled down together": core("mismatch", "in (row, weights, sums):", "in (row, weights):"),
    "any order is taken": core("gap", "        raise NotByMarginalError\n", "        return [0.0, *drops]\n"),
    "nothing is too large": core("gap", "        raise TooLargeError\n", "        return 0.0\n"),
    "the process has the dispatcher's priority": calculating("worker", "MAX_NICENESS = 19", "MAX_NICENESS = 0"),
    "a question may take for ever": calculating("worker", "signal.ITIMER_PROF, MAX_SECONDS", "signal.ITIMER_PROF, 0"),
    "it outlives a dispatcher that is killed": Mutant(
        "service/slta/child_process.py",
        "preexec_fn=end_with_parent(),\n    )\n",
        "preexec_fn=None,\n    )\n",
        ("tests/expected_gap",),
    ),
    "a dispatcher that ends leaves it behind": asking(
        "cache",
        "                await task\n            await self.calculator.end()\n",
        "                await task\n",
    ),
    "an idle process is kept": asking(
        "cache",
        "is None:\n                await self.calculator.rest(self.idle_seconds)",
        "is None:\n                pass",
    ),
    "a fleet has no pause": asking("schedule", "began + self.pause_seconds", "began"),
    "predictions take all of a processor": asking("schedule", "seconds * (1 / self.share - 1)", "0"),
    "the time of a prediction is not counted": calculating("worker", "process_time() - began]", "0]"),
    "a fleet that was read long ago is next": asking(
        "schedule", "(one.rank(now), one.due, fleet)", "(0, one.due, fleet)"
    ),
    "a scrape is a read like any other": asking("schedule", "reads.scraped = now", "reads.called = now"),
    "the fleet read last is next": asking(
        "schedule", "(one.rank(now), one.due, fleet)", "(one.rank(now), -one.last, fleet)"
    ),
    "fleets are never forgotten": asking("schedule", "now - reads.last >= KEPT_SECONDS", "False"),
    "a prediction is exported for ever": asking("cache", "self._schedule.last_read(name) >= oldest", "True"),
    "a gap without a question is exported": asking("cache", "            fleet.now = None\n", ""),
    "any answer of the fleet stands in": asking("cache", "nearest <= NEAR * question.sessions", "True"),
    "answers are never dropped": asking("cache", "if len(fleet.answers) > MAX_ANSWERS:", "if False:"),
    "what if waits before the present": asking("cache", "fleet.waiting[kind] =", "fleet.waiting['now'] ="),
    "any order has a prediction": question("if not spec.order.by_marginal:", "if False:"),
    "draining pools are overlooked": question("if any(c.draining_pools for c in snapshot.classes):", "if False:"),
    "classes without pools count": question("sum(count > 0 for count in pools)", "len(pools)"),
    "the load is that of this instant": question("if older is None or newer.time <= older.time:", "if True:"),
    "a full fleet is predicted": question('"nearly_full" if sessions >= spec.places(pools) else None', "None"),
    "a nearly full fleet is asked with its mean": calculating(
        "worker", "expected_placement_gap(ranking, pools, offered)", "expected_placement_gap(ranking, pools, sessions)"
    ),
}
