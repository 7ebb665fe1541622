"""The tests are tested: each planted mistake in the Lua makes one of them fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    "sessions",
    "configure",
    "newer_fleets",
    "pools",
    "batching",
    "choice",
    "integrals",
    "concurrency",
    "decisions",
]


class Mutant(NamedTuple):
    """In module `module` of `lua/` the text `right` becomes `wrong`; `right` is there exactly once."""

    module: str
    right: str
    wrong: str


MUTANTS = {
    "select one bit too far": Mutant("rows", "if index < count then", "if index <= count then"),
    "halving stops too late": Mutant("rows", "low = middle\n", "low = middle + 1\n"),
    "tokens by NOT": Mutant(
        "rows",
        "redis.call('BITOP', 'XOR', destination, active, destination)",
        "redis.call('BITOP', 'NOT', destination, destination)",
    ),
    "green tokens of all classes at once": Mutant(
        "slta", "choice.pick(green, previous_class, draw)", "choice.pick(green, 0, draw)"
    ),
    "full pools have room": Mutant(
        "rows", "bytes[position] = bytes[position] - without[position]", "bytes[position] = bytes[position]"
    ),
    "yellow before the last green": Mutant(
        "slta", "previous_class > 0 and green[previous_class] > 0 then", "false then"
    ),
    "r steps down a token early": Mutant("slta", "green >= fleet.min_green", "green >= fleet.min_green - 1"),
    "r steps down without a green token of its class": Mutant(
        "slta", "and fleet.green[fleet.previous_class] > 0 then", "then"
    ),
    "r steps up with two yellow tokens": Mutant("slta", "fleet.yellow <= 1", "fleet.yellow <= 2"),
    "r is judged after the arrival": Mutant(
        "sessions", "fleet, 'learn', judgement)", "fleet, 'learn', policies.tell(fleet, 'judge'))"
    ),
    "green tokens are not taken at the threshold": Mutant(
        "slta", "bit, 0)\n    fleet.green[position] = fleet.green[position] - 1", "bit, 1)"
    ),
    "a single pool learns": Mutant(
        "slta",
        "active_pools == 1 then\n    return\n  elseif direction",
        "active_pools == -1 then\n    return\n  elseif direction",
    ),
    "r starts again when pools change": Mutant(
        "slta", "return order.at_or_after(fleet, fleet.estimate_class, fleet.estimate_level)", "return 1"
    ),
    "the threshold counts its own rank": Mutant("order", "middle) < rank then", "middle) <= rank then"),
    "an emptied class stays in the order": Mutant("ledger", "if support_changed then", "if afresh then"),
    "the worst of two classes": Mutant(
        "jlmu", "frontier_ranks[position] < frontier_ranks[best]", "frontier_ranks[position] > frontier_ranks[best]"
    ),
    "the frontier does not fall": Mutant("jlmu", "if level < fleet.frontiers[position] then", "if false then"),
    "the frontier does not rise": Mutant(
        "jlmu", "set_frontier(fleet, position, level + 1)", "set_frontier(fleet, position, level)"
    ),
    "a lease ends early": Mutant("sessions", "(fleet.time + lease) / 1e6) + 1", "(fleet.time + lease) / 1e6)"),
    "leases end after an outage": Mutant("sessions", "if fleet.time < fleet.hold_until then", "if false then"),
    "a jump of the clock is time": Mutant(
        "accounting", "elapsed = math.max(0, math.min(elapsed, accounting.MAX_STEP))", "elapsed = math.max(0, elapsed)"
    ),
    "an ended id is forgotten at once": Mutant(
        "sessions", "  if reason then\n    return { 'ENDED', reason", "  if false then\n    return { 'ENDED', reason"
    ),
    "a late assign is placed": Mutant("sessions", "early.remember(fleet, id)", "local _ = nil"),
    "retention drops the younger generation": Mutant(
        "sessions", "fleet.ended_generation = 1 - fleet.ended_generation\n", "\n"
    ),
    "integrals are sums of floats": Mutant(
        "accounting", "low = low + ((high - (sum - part)) + (value - part))", "low = 0"
    ),
    "pools are integrated with what they became": Mutant(
        "ledger",
        "  accounting.settle_pools(fleet)\n  local before",
        "  local before",
    ),
    "the optimum forgets to move on": Mutant(
        "accounting", "if fleet.bound_filled == fleet.pool_counts[position] then", "if false then"
    ),
    "a full pool adopts": Mutant("sessions", ">= fleet.capacities[position] then", "> fleet.capacities[position] then"),
    "sessions placed after the list end": Mutant("sessions", "session.start >= tonumber(before)", "false"),
    "drained sessions stay in the rows": Mutant(
        "pools",
        "ledger.write_column(fleet, position, bit, occupancy, 0)",
        "ledger.write_column(fleet, position, bit, 0, 0)",
    ),
    "more than 65,536 pools": Mutant("pools", "#ids > constants.MAX_POOLS", "#ids - 1 > constants.MAX_POOLS"),
    "a smaller capacity is not checked": Mutant("fleets", "largest_occupancy(fleet, position) > wanted[name]", "false"),
    "a policy leaves its rows": Mutant("fleets", "    policies.clear(fleet)\n", "\n"),
    "an error hides behind a good outcome": Mutant(
        "library", "outcome = outcome, { 'FAULT' }", "outcome = outcome, { 'UNKNOWN' }"
    ),
    "an error stops nothing": Mutant("library", "    if sound then\n", "    if true then\n"),
    "completions need memory": Mutant(
        "library", "register('release', batch, { 'allow-oom' })", "register('release', batch)"
    ),
    "a newer layout is taken for ours": Mutant("state", "values[1] > constants.LAYOUT or", ""),
    "an unknown policy is taken for ours": Mutant("state", " or not policy then", " then"),
    "unknown fields are lost": Mutant("state", "if at < last then\n", "if false then\n"),
    "unknown blocks are lost": Mutant("state", "if at <= #values then", "if false then"),
    "a copy of another configuration is used": Mutant("memory", "known.tables ~= fleet.tables", "false"),
    "an unknown status is taken for ours": Mutant("pools", "if not COUNTED_IN[status] then", "if false then"),
    "the past is cut short": Mutant("history", "'LTRIM', key, 0, 60)", "'LTRIM', key, 0, 58)"),
}


def run_against(mutant: Mutant, folder: Path) -> str | None:
    """The name of the test that fails, None when all pass."""
    for name in ("service", "tests", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, folder / name)
    module = folder / "service" / "store" / "lua" / f"{mutant.module}.lua"
    text = module.read_text(encoding="utf-8")
    assert text.count(mutant.right) == 1, f"the mutant needs new words: {mutant}"
    module.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    options = ["-n", "0", "-x", "-q", "--tb=no", "-k", "embedded", "--timeout", "60", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/store/test_{name}.py" for name in FILES)]
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), None)


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MUTANTS)
def test_every_mistake_in_the_lua_is_noticed(tmp_path: Path, name: str) -> None:
    noticed = run_against(MUTANTS[name], tmp_path)
    print(f"{name}: {noticed}")
    assert noticed
