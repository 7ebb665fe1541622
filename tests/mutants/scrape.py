"""Planted mistakes in scrapes of many fleets, in their ticks, and in noticing what goes wrong with fleets and store."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import python

SCRAPES, PARTS, HOUSEKEEPING, VANISHING = (
    "metrics/scrapes",
    "metrics/parts",
    "runtime/background",
    "runtime/vanished_fleets",
)

MUTANTS: dict[str, Mutant] = {
    "a name that does not resolve is a broken connection": python(
        "store/client/failures", 'NameLookupError: "dns"', 'NameLookupError: "connection"', "store/name_lookup"
    ),
    "a lookup that was given up leaves its error behind": python(
        "store/client/name_lookup", "    lookup.add_done_callback(_retrieve)\n", "", "store/name_lookup"
    ),
    "nobody learns the code of a problem": python(
        "api/http/guards", "        context.problem = problem_code(error)\n", "", "api/middleware"
    ),
    "a scrape is printed without a pause": python(
        "metrics/exposition", "if perf_counter() - self._start > STEP_SECONDS:", "if False:", SCRAPES
    ),
    "all samples of a family are printed in one step": python(
        "metrics/text",
        "range(0, len(samples), SAMPLES_PER_STEP)",
        "range(0, len(samples), len(samples))",
        SCRAPES,
    ),
    "all samples of a process's family are printed in one step": python(
        "metrics/text", "most: int = SAMPLES_PER_STEP", "most: int = 10**9", SCRAPES
    ),
    "each scrape reads the fleets itself": python(
        "metrics/readings", "if self._under_way is None:", "if True:", SCRAPES
    ),
    "a scrape waits for a reading without limit": python(
        "metrics/readings", "timeout=self._timeout(last)", "timeout=None", SCRAPES
    ),
    "the first scrape does not wait for a reading": python(
        "metrics/readings",
        "if last is None:\n            return None\n",
        "if last is None:\n            return self._max_wait_seconds\n",
        SCRAPES,
    ),
    "an old reading is returned as soon as a new one": python(
        "metrics/readings", "(2 if age > OLD_SECONDS else 1)", "1", SCRAPES
    ),
    "slow clients may hold any number of readings": python(
        "metrics/readings", "len(self._being_sent()) >= MAX_OLDER", "len(self._being_sent()) >= 99", SCRAPES
    ),
    "an answer that breaks off holds its reading": python(
        "metrics/readings", "self.senders -= 1", "self.senders -= 0", SCRAPES
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
        "metrics/text",
        "            yield bytes(self._lines[begin",
        "            yield head(self._family, text_format)\n            yield bytes(self._lines[begin",
        SCRAPES,
    ),
    "labels are in the order of their definition": python(
        "metrics/text",
        "places = sorted(range(len(labels)), key=labels.__getitem__)",
        "places = range(len(labels))",
        SCRAPES,
    ),
    "label values are not escaped": python("metrics/text", """.replace('"', '\\\\"')""", "", SCRAPES),
    "large numbers are written as Python writes them": python(
        "metrics/text", "GO_FROM = 1e6", "GO_FROM = 1e300", SCRAPES
    ),
    "an exposition in OpenMetrics has no end": python(
        "metrics/exposition", "        after.append(text_format.end)\n", "", SCRAPES
    ),
    "what does not fit into a piece is left out": python(
        "metrics/exposition",
        "            await time_slice.next()\n        yield bytes(piece)",
        "            await time_slice.next()",
        SCRAPES,
    ),
    "a part of the metrics is the whole": python("metrics/exposition", 'if scrape.of != "fleets":', "if True:", PARTS),
    "the metrics of the process need all fleets": python(
        "metrics/exposition", 'if scrape.of != "process" else None', "if True else None", PARTS
    ),
    "families by level are always there": python(
        "metrics/exposition", "if scrape.levels or row not in LEVEL_ROWS", "if True", PARTS
    ),
    "readings with and without levels are one": python(
        "metrics/exposition", "self._readings[scrape.levels]", "self._readings[False]", PARTS
    ),
    "an incomplete reading has a number of fleets": python(
        "metrics/exposition",
        "    except errors.DispatchError:\n        reading.is_up = False\n",
        "    except errors.DispatchError:\n        reading.is_up = False\n        list(count.add(0))\n",
        PARTS,
    ),
    "a deleted fleet keeps its expected gap": python(
        "metrics/exposition", "{fleet: gaps[fleet] for fleet in fleets if fleet in gaps}", "gaps", PARTS
    ),
    "the age of fleet metrics grows while nobody asks for them": python(
        "metrics/exposition",
        "store.library_digest, self._age_seconds)",
        "store.library_digest, self._age_seconds and asyncio.get_running_loop().time())",
        PARTS,
    ),
    "a snapshot that timed out once ends the reading": python(
        "metrics/exposition",
        "if is_last and not store.has_shards:",
        "if not store.has_shards:",
        SCRAPES,
    ),
    "a shard that is away ends the reading": python(
        "metrics/exposition", "if is_last and not store.has_shards:", "if is_last:", "store/cluster/scrapes"
    ),
    "the oldest spec is dropped though all have few levels": python(
        "fleet_file/specs",
        "len(self._cache) > self.MAX_SPECS and self._levels > self.MAX_LEVELS",
        "len(self._cache) > self.MAX_SPECS",
        "fleet_file/fleet_file",
    ),
    "specs of any number of levels are kept": python(
        "fleet_file/specs",
        "len(self._cache) > self.MAX_SPECS and self._levels > self.MAX_LEVELS",
        "False",
        "fleet_file/fleet_file",
    ),
    "fleets are ticked one after the other": python(
        "runtime/tick_lanes", "MAX_CONCURRENT_PACKETS = 12", "MAX_CONCURRENT_PACKETS = 1", "runtime/tick_lanes"
    ),
    "a defect in a tick is nobody's": python(
        "runtime/ticks", 'log.exception("tick_failed", fleet=fleet)', "pass", "runtime/tick_lanes"
    ),
    "rounds begin a second after the last one ended": python(
        "runtime/background",
        "max(due, clock() + MIN_PAUSE_SECONDS)",
        "max(due, clock() + ROUND_SECONDS)",
        HOUSEKEEPING,
    ),
    "a name without a fleet has always vanished": python(
        "runtime/vanished_fleets",
        "keys_left or (fleet in self._seen and (listed or self._has_evicted))",
        "keys_left or listed",
        VANISHING,
    ),
    "a fleet that was deleted has vanished": python(
        "runtime/vanished_fleets",
        "keys_left or (fleet in self._seen and (listed or self._has_evicted))",
        "keys_left or fleet in self._seen",
        VANISHING,
    ),
    "a fleet of which keys are left was deleted": python(
        "runtime/vanished_fleets",
        "keys_left or (fleet in self._seen and (listed or self._has_evicted))",
        "fleet in self._seen and (listed or self._has_evicted)",
        VANISHING,
    ),
    "a fleet off the list is not looked for": python(
        "runtime/vanished_fleets", "missing | self.unlisted(ticks.keys())", "missing", VANISHING
    ),
    "a tick without an answer says that the fleet is there": python(
        "runtime/vanished_fleets", "if outcome not in UNDECIDED}", "if outcome is not None}", VANISHING
    ),
    "a vanished fleet is told again and again": python(
        "runtime/vanished_fleets", "self._since[fleet] = math.inf", "self._since[fleet] = 0", VANISHING
    ),
    "a fleet that came back was absent all the time": python(
        "runtime/vanished_fleets",
        "((absent | undecided) & self._since.keys())",
        "self._since.keys()",
        VANISHING,
    ),
    "a vanished fleet is not counted": python(
        "runtime/ticks", "self._vanished(verdict)", "pass", VANISHING, HOUSEKEEPING
    ),
    "a fleet whose DELETE was undone is one that the list has lost": python(
        "runtime/vanished_fleets", "self._keyless.update([] if keys_left else [fleet])", "pass", VANISHING
    ),
    "a fleet that the list has lost is lost": python(
        "runtime/ticks", 'if verdict in ("relisted", "undeleted"):', "if False:", VANISHING
    ),
    "a name that is listed again outlives its fleet": python(
        "store/fleets",
        "except errors.UnknownFleetError:\n            await self.unlist(fleet)\n",
        "except errors.UnknownFleetError:\n",
        VANISHING,
    ),
    "a census at the start lists nothing": python(
        "runtime/background", "for one in found if one.fleet)", "for one in found if not one.fleet)", HOUSEKEEPING
    ),
    "a fleet that was evicted to its last key was deleted": python(
        "runtime/vanished_fleets", "(listed or self._has_evicted)", "listed", VANISHING
    ),
    "what was evicted long ago counts": python(
        "runtime/vanished_fleets",
        "if all(self._since.get(fleet) == math.inf for fleet in absent | kept):",
        "if not self._since:",
        VANISHING,
    ),
    "a store that evicts is looked at once": python(
        "runtime/background", "await self._watch_eviction()", "pass", HOUSEKEEPING
    ),
    "a store that evicts is told each second": python(
        "runtime/background", "found.policy != (before and before.policy)", "found", HOUSEKEEPING
    ),
    "any policy of eviction will do": python(
        "store/client/preflight", "return self.policy != NO_EVICTION", "return False", HOUSEKEEPING
    ),
    "a store that forbids INFO does not evict": python(
        "store/client/preflight",
        "    if information is None:\n        return None\n    fields = _parsed(information)\n    return Eviction",
        '    fields = _parsed(information or "")\n    return Eviction',
        HOUSEKEEPING,
    ),
}
