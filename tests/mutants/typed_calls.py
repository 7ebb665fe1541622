"""Planted mistakes in what becomes of the type that a session is placed, reported or put back with."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.planting import python as python_of
from tests.mutants.refusing import lua, python

CALLS, CHANGES, PUT_BACK = "api/session_types", "store/type_changes", "store/types_put_back"
DROPPED = "ASSIGN_OPTIONS[assign.touch, assign.labels] + type_option(assign.session_type)"


def python_in(package: str, module: str, right: str, wrong: str, test: str) -> Mutant:
    """A mistake in a module of the integrations or the client."""
    room = {"integrations": "integrations", "clients/python": "client"}[package]
    name = {"integrations": "slta_integrations", "clients/python": "slta_client"}[package]
    return python_of(f"{package}/{name}", room, module, right, wrong, test)


MUTANTS: dict[str, Mutant] = {
    "an assign in bulk drops its type": python("api/schemas", DROPPED, DROPPED.partition(" +")[0], CALLS),
    "a plain assign in bulk drops its type": python(
        "api/plain_operations", "type_option(type_ or DEFAULT_TYPE)", '""', CALLS
    ),
    "a single assign drops its type": python(
        "api/routes/sessions", "        session_type=body.session_type,\n", "", CALLS
    ),
    "a report drops its type": python(
        "api/schemas", "late=self.late, session_type=self.session_type", "late=self.late", CALLS
    ),
    "a pool's list drops its types": python("store/pools", "as_of + type_option(listed[id_])", "as_of", CALLS),
    "a pool's list asks for more types than a call takes": python(
        "store/pools", "- {DEFAULT_TYPE})[:MAX_SESSION_TYPES]", "- {DEFAULT_TYPE})", CALLS
    ),
    "a pool's list with an unknown type ends sessions": lua(
        "pools", "return stale or unknown or { 'IDS'", "return stale or { 'IDS'", CALLS
    ),
    "the placement route drops the type": python("api/routes/place", "session_type=kind", "", CALLS),
    "a type named touch renews leases": lua(
        "placements", "string.find(options, ' touch', 1, true)", "string.find(options, 'touch', 1, true)", CALLS
    ),
    "a pool's id is taken for a type": lua(
        "session_types", "string.match(options, ' type:(%S+)')", "string.match(options, 'type:(%S+)')", CALLS
    ),
    "a type is lost by a move": lua(
        "sessions",
        "records.placed(pool.level, nil, records.type_number(session))",
        "records.placed(pool.level)",
        CHANGES,
    ),
    "a type is lost by a replay log": python(
        "store/failover/facts", "if session_type == DEFAULT_TYPE", "if True", PUT_BACK
    ),
    "a type is lost by put-back": lua("replay", "session_types.find(fleet, name) or 1", "1", PUT_BACK),
    "a session is put back in a class that its type may not use": lua(
        "replay", "session_types.may_use(fleet, kind, (keys.locate(fleet, pool_number)))", "true", PUT_BACK
    ),
    "nobody says that a repair took types away": lua(
        "repair_records", "job.without_type = (job.without_type or 0) + 1", "job.without_type = 0", PUT_BACK
    ),
    "nobody says that types were lost": python(
        "store/failover/recovery", "if count := replay.outcomes[WITHOUT_TYPE]:", "if count := 0:", PUT_BACK
    ),
    "a draining session does not keep its type in use": lua(
        "type_changes", "fleet.type_sessions[kind] + fleet.type_others[kind]", "fleet.type_sessions[kind]", CHANGES
    ),
    "a refused change does not name the classes lost": lua(
        "type_changes",
        "return { 'SESSION_TYPE_IN_USE', name, count, lost }",
        "return { 'SESSION_TYPE_IN_USE', name, count }",
        CHANGES,
    ),
    "an event of a refused change does not name the type": lua(
        "events", "is_of_type and reply[2] or nil", "nil", CHANGES
    ),
    "a refused file at startup is not named": python(
        "runtime/background", "raise type(error)(said, **error.context) from None", "raise", "runtime/background"
    ),
    "a line's type is not reported": python_in(
        "integrations", "follow/operations", '"pool_id": line.pool_id, **kind,', '"pool_id": line.pool_id,', "sender"
    ),
    "the client drops the type": python_in(
        "clients/python",
        "placing",
        '"session_id": wanted.session_id, **kind,',
        '"session_id": wanted.session_id,',
        "types",
    ),
    "the client's report drops the type": python_in(
        "clients/python", "reports", '"pool_id": item.pool_id, **kind,', '"pool_id": item.pool_id,', "types"
    ),
    "the fallback places a type anywhere": python_in(
        "clients/python", "fallback", "known[fleet].of_type(session_type)", "known[fleet]", "types"
    ),
    "a breaker keeps back a type that the endpoints do not have": python_in(
        "clients/python", "fallback", "known[fleet].has_type(session_type or DEFAULT_TYPE)", "True", "types"
    ),
    "an agent's list drops its types": python_in(
        "integrations",
        "agent/calls",
        '"session_ids": pool.listed, **types}',
        '"session_ids": pool.listed}',
        "agent_state",
    ),
    "a refusal names no classes": python(
        "api/http/problems", "value.split() if name in LISTS else value", "value", CALLS
    ),
}
