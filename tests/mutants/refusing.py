"""Planted mistakes where the service refuses, gives up or goes on after an error, in Python and in Lua."""

from __future__ import annotations

from tests.mutants.planting import Mutant, lua_file


def python(file: str, right: str, wrong: str, *tests: str) -> Mutant:
    return Mutant(f"service/slta/{file}.py", right, wrong, _paths(tests))


def lua(module: str, right: str, wrong: str, *tests: str) -> Mutant:
    return Mutant(lua_file(module), right, wrong, _paths(tests))


def _paths(tests: tuple[str, ...]) -> tuple[str, ...]:
    folders = {test: test.rpartition("/") for test in tests}
    return tuple(f"tests/{folder}/test_{name}.py" for folder, _, name in folders.values())


FAULTS = ("store/faults/outages", "store/faults/refusals")
BATCHING, EARLY = "store/batching", "store/tombstones"
PLAIN = "api/plain_operations"

PYTHON = {
    "a call that may have run is said not to have run": python(
        "store/batching/pending",
        "self.may_have_run |= failed.failure.ran",
        "self.may_have_run |= False",
        *FAULTS,
    ),
    "after its deadline everything may have run": python(
        "store/batching/pending",
        "_outcome_unknown(operation) if self.may_have_run else error",
        "_outcome_unknown(operation)",
        *FAULTS,
    ),
    "an unknown outcome does not name its session": python(
        "store/batching/pending",
        "OutcomeUnknownError(None, session_id=operation[1])",
        "OutcomeUnknownError()",
        "api/ids",
    ),
    "completions are refused when memory is full": python(
        "store/batching/batcher",
        'failed.failure.kind == "oom" and function',
        'failed.failure.kind == "full" and function',
        EARLY,
    ),
    "an assign that memory refused may have run": python(
        "store/batching/batcher",
        "call.fail(StoreUnavailableError(), passing=RELEASING)",
        "call.fail(Exception(), passing=RELEASING)",
        "api/store_failures",
    ),
    "what was not run is told as an outcome": python(
        "store/batching/pending", 'if reply[0] == "NOT_RUN":', 'if reply[0] == "NEVER":', BATCHING
    ),
    "a fault is told as an outcome": python(
        "store/batching/pending",
        'if reply[0] == "FAULT" else reply',
        'if reply[0] == "NEVER" else reply',
        BATCHING,
    ),
    "after a call that ran nothing it asks as fast as it can": python(
        "store/batching/batcher", "for call in waiting) == len(operations):", "for call in waiting) < 0:", BATCHING
    ),
    "a refused batch is not sent again": python(
        "store/batching/batcher",
        "        await asyncio.sleep(RETRY_PAUSE_SECONDS)\n        self._requeue(batch)\n",
        "        await asyncio.sleep(RETRY_PAUSE_SECONDS)\n",
        *FAULTS,
    ),
    "a plain complete may have a lease": python("api/plain_operations", '(?="[^,}]*})', "", PLAIN),
    "a plain lease may begin with zeros": python("api/plain_operations", "0|[1-9][0-9]{0,7}", "[0-9]{1,8}", PLAIN),
    "each blank of a plain body is tried": python(
        "api/plain_operations", "_ITEM = rf'{{", "_ITEM = rf' {{", "api/event_loop"
    ),
    "memory that is full makes what may have run certain": python(
        "store/batching/pending", "if self.may_have_run else error", "if False else error", BATCHING
    ),
    "a plain body may have any white space": python("api/plain_operations", "[ \\t\\n\\r]*+", "\\s*+", PLAIN),
    "a plain body may have any number of operations": python(
        "api/plain_operations", " if len(requests) <= MAX_OPERATIONS else None", "", PLAIN
    ),
    "an outcome of a batch lacks its token": python(
        "api/routes/outcomes", 'if reply[6] else "null"', 'if not reply[6] else "null"', PLAIN
    ),
    "a client that leaves in the body is an error": python(
        "api/fast_path", "except ClientDisconnect:", "except EOFError:", "api/fast_path"
    ),
    "a change whose reply was lost is said not to have run": python(
        "store/client/failures",
        "OutcomeUnknownError() if self.failure.ran else self.unavailable()",
        "self.unavailable()",
        *FAULTS,
    ),
    "every failed call is sent a second time": python(
        "store/client/functions",
        'if failed.failure.kind != "function_missing":\n                raise',
        "pass",
        *FAULTS,
    ),
    "a library that is gone is not loaded": python(
        "store/client/functions", 'if failed.failure.kind != "function_missing":', "if True:", *FAULTS
    ),
    "a read that failed may have run": python(
        "store/client/functions",
        "raise failed.unavailable() from failed\n\n    async def slice",
        "raise failed.as_dispatch_error() from failed\n\n    async def slice",
        *FAULTS,
    ),
    "a connection is kept that leads to a replica": python(
        "store/client/connections", " and kind in FAILOVER_KINDS:", " and False:", "store/sentinel"
    ),
    "a connection that was in use while all were made anew is used again": python(
        "store/client/connection_pool", " and not connection.should_reconnect()", "", "store/sentinel"
    ),
    "a connection that is being made is not made anew": python(
        "store/client/connection_pool",
        "        self.busy.add(connection)  # so that a renewal meanwhile concerns it\n",
        "",
        "store/sentinel",
    ),
    "a call waits for ever": python(
        "store/client/pipeline", "asyncio.timeout(pool.call_seconds)", "asyncio.timeout(None)", "store/faults/outages"
    ),
    "a connection that another one waits for is put back in silence": python(
        "store/client/connection_pool",
        "        self.busy.discard(connection)\n        self._free.release()\n",
        "        self.busy.discard(connection)\n",
        "store/faults/outages",
    ),
    "all hot calls that have arrived are begun before the first is sent": python(
        "runtime/bootstrap", "CallbackQueue(MAX_PER_ITERATION)", "CallbackQueue(10**6)", "api/fast_path"
    ),
    "a refusal may have run": python(
        "store/client/failures", "return Failure(kind, ran=False)", "return Failure(kind, ran=True)", *FAULTS
    ),
    "without a connection a call may have run": python(
        "store/client/failures",
        "replace(classify(error.__cause__), ran=False)",
        "classify(error.__cause__)",
        *FAULTS,
    ),
    "a deleted fleet's name stays on the list when a reply was lost": python(
        "store/fleets",
        "lost its reply\n            await self.unlist(fleet)\n",
        "lost its reply\n",
        "store/configure",
        "store/concurrency",
        *FAULTS,
    ),
    "a refusal within a report passes as done": python(
        "store/pools",
        "outcomes += map(checked, await",
        "outcomes += map(list, await",
        "store/pool_lists",
        "store/newer_fleets",
    ),
    "one fleet's trouble keeps the others from their tick": python(
        "store/client/functions", "except DispatchError as error:", "except StoreCallError as error:", "store/ticks"
    ),
    "an error ends the rounds": python(
        "runtime/background",
        '            log.exception("round_failed")\n',
        "            raise\n",
        "runtime/background",
    ),
    "an unusable key file ends the round": python(
        "runtime/background",
        "except (AccessError, ListenError) as error:",
        "except ListenError as error:",
        "runtime/background",
    ),
    "an unusable key file takes the keys away": python(
        "auth/key_reader",
        "        access.stamp = stamp\n",
        "        access.replace({}, stamp)\n",
        "api/auth",
    ),
    "a wrong secret opens": python("auth/keys", "if matches and key else None", "if key else None", "api/auth"),
    "wrong keys are not counted": python(
        "api/http/authorization", "wait = self._failures.take(address)", "wait = 0", "api/auth"
    ),
    "any pool in the path is allowed": python("api/http/api_route", 'path.get("pool_id"))', "None)", "api/pool_access"),
    "one allowed pool allows the others": python(
        "api/http/pool_access", "not all(map(", "not any(map(", "api/pool_access"
    ),
    "a key of some pools makes any number of them": lua(
        "pools", "not pool_patterns.allow(fleet, quota or '', #new)", "false", "api/pool_access"
    ),
    "a key of some pools makes them in any class": python(
        "api/http/pool_access", "<= (principal.classes or set())", "and False", "api/pool_access"
    ),
    "a report takes a session from any pool": lua(
        "reports", "not session or pool_patterns.match(patterns, session.pool_id)", "true", "api/pool_access"
    ),
    "a report names any pool": lua(
        "reports", "  if not pool_patterns.match(patterns, pool_id) then\n", "  if false then\n", "api/pool_access"
    ),
    "a dot of a pattern stands for any character": lua(
        "pool_patterns", "piece, at, true)", "piece, at)", "api/pool_access"
    ),
    "the ends of a pattern may overlap": lua("pool_patterns", "at <= stop + 1 and ", "", "api/pool_access"),
    "a pattern needs only one of its pieces": lua(
        "pool_patterns", "(found or nowhere) + 1", "(found or 0) + 1", "api/pool_access"
    ),
    "a bulk report is made for any key": python(
        "api/http/pool_access", 'if kind == "report" else option', "if False else option", "api/pool_access"
    ),
    "another's fleet is seen": python(
        "api/http/authorization", "if not principal.sees(fleet):", "if False:", "api/auth"
    ),
    "nothing is refused when too much waits": python(
        "api/http/authorization",
        "> MAX_WAIT_SECONDS:\n            context.shed = True",
        "> 1e9:\n            context.shed = True",
        "api/overload",
    ),
    "scopes within a call of many are not checked": python(
        "api/routes/operations",
        "if lacking and not lacking.isdisjoint(kind for kind, *_ in requests):",
        "if False:",
        "api/operations",
    ),
    "a problem within a call of many does not say when to come back": python(
        "api/routes/outcomes", "    if wait:\n", "    if False:\n", "api/operations"
    ),
    "a problem does not say when to come back": python(
        "api/http/problems",
        "if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}",
        "if error.status == 0 else {}",
        "api/problems",
    ),
    "an unexpected error tells its text": python(
        "api/http/problems",
        '"Internal error; the log has the traceback under this request_id."',
        "repr(error)",
        "api/fast_path",
        "api/middleware",
    ),
    "an unexpected error is not logged": python(
        "api/http/guards",
        "if started or not isinstance(error, EXPECTED):",
        "if started:",
        "api/fast_path",
        "api/middleware",
    ),
    "a body of any length is read": python(
        "api/http/bodies", "    if size > limit:\n", "    if False:\n", "api/fast_path", "api/bad_input"
    ),
    "a key that stands twice is taken": python(
        "parsing/strict_json", "if len(members) < len(pairs):", "if False:", "parsing/strict_json", "api/bad_input"
    ),
}

LUA = {
    "an error hides behind a good outcome": lua(
        "batches", "outcome = outcome, { 'FAULT' }", "outcome = outcome, { 'UNKNOWN' }", BATCHING
    ),
    "an error stops nothing": lua("batches", "    if ok then\n", "    if true then\n", BATCHING),
    "an error at the end of a call is hidden": lua("batches", "  if not written then\n", "  if false then\n", BATCHING),
    "a fleet that had an error is not suspect": lua(
        "batches", "  if not ok then\n    repair.mark_suspect", "  if false then\n    repair.mark_suspect", BATCHING
    ),
    "a suspect fleet is not repaired": lua("ticks", "return fleet.suspect == ''", "return true", BATCHING),
    "completions need memory": lua(
        "library",
        "register('release', batch(true), { 'allow-oom' })",
        "register('release', batch(true))",
        EARLY,
        BATCHING,
    ),
    "early completes grow when memory is full": lua(
        "tombstones", "if not fleet.memory_full then", "if true then", EARLY
    ),
    "early completes grow without end": lua(
        "tombstones", "drop(fleet, fleet.early_completes - MAX_IDS)", "local _ = MAX_IDS", EARLY
    ),
    "early completes are kept for ever": lua("tombstones", "tonumber(expiry) > fleet.time", "true", EARLY),
    "a tick drops any number of early completes": lua("tombstones", "math.min(over, MAX_DROPPED)", "over", EARLY),
    "leases are looked through without end": lua(
        "leases", "fleet.next_due + MAX_SECONDS", "fleet.next_due + 1e5", "store/sessions"
    ),
    "a pool that is not empty is removed": lua(
        "pools",
        "  if ledger.occupancy(fleet, pool_number) > 0 then\n    return { 'NOT_EMPTY' }\n  end\n  -- writes",
        "  -- writes",
        "store/pools",
    ),
    "a pool that is not empty moves": lua(
        "pools",
        "    if ledger.occupancy(fleet, pool_number) > 0 then\n      return",
        "    if false then\n      return",
        "store/pools",
    ),
    "a pool is created in two classes": lua(
        "pools", "if present and present ~= pool.class_index then", "if false then", "store/pools"
    ),
    "a fleet with sessions is deleted": lua(
        "fleets", "if redis.call('HLEN', keys.of_fleet(fleet, 'sessions')) > 0 then", "if false then", "store/configure"
    ),
    "a class with pools leaves the configuration": lua(
        "fleets", "if not wanted[name] then", "if false then", "store/configure"
    ),
    "an outdated configuration is taken": lua(
        "fleets",
        "if given.expected ~= '' and tonumber(given.expected) ~= version then",
        "if false then",
        "store/configure",
    ),
    "a report from another life of the store is taken": lua(
        "state", "tonumber(epoch) == fleet.store_epoch and", "", "store/pool_lists"
    ),
    "a report from the future is taken": lua(
        "state", " and tonumber(time) <= fleet.time then", " then", "store/pool_lists"
    ),
    "a fleet of an older layout is read as one of ours": lua(
        "state", "if values[1] < constants.LAYOUT then", "if false then", "store/newer_fleets"
    ),
}

MUTANTS = PYTHON | LUA
