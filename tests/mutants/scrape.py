"""Planted mistakes in scrapes of many fleets, in their ticks, and in noticing fleets that vanish."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

SCRAPES, HOUSEKEEPING, VANISHING = "metrics/scrapes", "process/housekeeping", "process/vanishing"

MUTANTS: dict[str, Mutant] = {
    "a scrape is printed without a pause": python(
        "metrics/exposition", "if perf_counter() - self._began > STEP_SECONDS:", "if False:", SCRAPES
    ),
    "all samples of a family are printed in one step": python(
        "metrics/text", "most: int = SAMPLES_PER_STEP", "most: int = 10**9", SCRAPES
    ),
    "each scrape reads the fleets itself": python(
        "metrics/readings", "if self._under_way is None:", "if True:", SCRAPES
    ),
    "a scrape waits for a reading without limit": python(
        "metrics/readings", "timeout=self._patience_seconds if last else None", "timeout=None", SCRAPES
    ),
    "the first scrape does not wait for a reading": python(
        "metrics/readings",
        "timeout=self._patience_seconds if last else None",
        "timeout=self._patience_seconds",
        SCRAPES,
    ),
    "slow clients may hold any number of readings": python(
        "metrics/readings", "len(self._being_sent()) >= MOST_OLDER", "len(self._being_sent()) >= 99", SCRAPES
    ),
    "an answer that breaks off holds its reading": python(
        "metrics/exposition", "reading.senders -= 1", "reading.senders -= 0", SCRAPES
    ),
    "a reading that failed is the one under way for ever": python(
        "metrics/readings",
        "        finally:\n            self._under_way = None",
        "        finally:\n            pass",
        SCRAPES,
    ),
    "the age of a reading is that of its answer": python(
        "metrics/exposition", "asyncio.get_running_loop().time() - reading.began", "0.0", SCRAPES
    ),
    "each step prints the family's head again": python(
        "metrics/text", "return PLAIN.print(self)[self._head_bytes :]", "return PLAIN.print(self)", SCRAPES
    ),
    "an exposition in OpenMetrics has no end": python(
        "metrics/exposition",
        "after = [*await self._own_texts(form), form.end]",
        "after = await self._own_texts(form)",
        SCRAPES,
    ),
    "what does not fit into a piece is left out": python(
        "metrics/exposition", "yield bytes(piece)\n    finally", "pass\n    finally", SCRAPES
    ),
    "a snapshot that timed out once ends the reading": python(
        "metrics/exposition",
        "except StoreUnavailable:\n        return await _try_snapshot(store, fleet)",
        "except StoreUnavailable:\n        raise",
        SCRAPES,
    ),
    "the oldest spec is dropped though all have few levels": python(
        "fleet_file/specs",
        "len(self._known) > self.MOST and self._levels > self.MOST_LEVELS",
        "len(self._known) > self.MOST",
        "fleet_file/fleet_file",
    ),
    "specs of any number of levels are kept": python(
        "fleet_file/specs",
        "len(self._known) > self.MOST and self._levels > self.MOST_LEVELS",
        "False",
        "fleet_file/fleet_file",
    ),
    "fleets are ticked one after the other": python("process/ticking", "TOGETHER = 12", "TOGETHER = 1", HOUSEKEEPING),
    "a defect in a tick is nobody's": python(
        "process/ticking", "for defect in filter(None, ended):", "for defect in ():", HOUSEKEEPING
    ),
    "rounds begin a second after the last one ended": python(
        "process/housekeeping",
        "max(due, clock() + SHORTEST_PAUSE_SECONDS)",
        "max(due, clock() + ROUND_SECONDS)",
        HOUSEKEEPING,
    ),
    "a name without a fleet has always vanished": python(
        "process/vanishing",
        "keys_left or (fleet in self._ticked and (listed or self._has_evicted))",
        "keys_left or listed",
        VANISHING,
    ),
    "a fleet that was deleted has vanished": python(
        "process/vanishing",
        "keys_left or (fleet in self._ticked and (listed or self._has_evicted))",
        "keys_left or fleet in self._ticked",
        VANISHING,
    ),
    "a fleet of which keys are left was deleted": python(
        "process/vanishing",
        "keys_left or (fleet in self._ticked and (listed or self._has_evicted))",
        "fleet in self._ticked and (listed or self._has_evicted)",
        VANISHING,
    ),
    "a fleet off the list is not looked for": python(
        "process/vanishing", "missing | (self._ticked - ticks.keys())", "missing", VANISHING
    ),
    "a tick without an answer says that the fleet is there": python(
        "process/vanishing", "if outcome not in UNDECIDED}", "if outcome is not None}", VANISHING
    ),
    "a vanished fleet is told again and again": python(
        "process/vanishing", "self._since[fleet] = math.inf", "self._since[fleet] = 0", VANISHING
    ),
    "a fleet that came back was absent all the time": python(
        "process/vanishing",
        "kept = absent | (undecided & self._since.keys())",
        "kept = absent | self._since.keys()",
        VANISHING,
    ),
    "a vanished fleet is not counted": python("process/ticking", "self._vanished()", "pass", VANISHING, HOUSEKEEPING),
    "a fleet that was evicted to its last key was deleted": python(
        "process/vanishing", "(listed or self._has_evicted)", "listed", VANISHING
    ),
    "what was evicted long ago counts": python(
        "process/vanishing",
        "if not any(map(math.isfinite, self._since.values())):",
        "if not self._since:",
        VANISHING,
    ),
    "a store that evicts is looked at once": python(
        "process/housekeeping", "await self._watch_eviction()", "pass", HOUSEKEEPING
    ),
    "a store that evicts is told each second": python(
        "process/housekeeping", "found.policy != (before and before.policy)", "found", HOUSEKEEPING
    ),
    "any policy of eviction will do": python(
        "store/requirements", "return self.policy != NO_EVICTION", "return False", HOUSEKEEPING
    ),
    "a store that forbids INFO does not evict": python(
        "store/requirements",
        "    if information is None:\n        return None\n    return Eviction",
        "    information = information or {}\n    return Eviction",
        HOUSEKEEPING,
    ),
}
