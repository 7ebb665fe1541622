"""Planted mistakes in what a session tells of its placement."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

PLACED = "api/placed"

MUTANTS: dict[str, Mutant] = {
    "a renewal drops token and level": lua(
        "sessions",
        "  session.lease, session.due = lease, due\n",
        "  session.lease, session.due, session.placed = lease, due, ''\n",
        PLACED,
    ),
    "a session that moves keeps its level": lua(
        "sessions", "session.placed = records.placed(pool.level, nil,", "local _ = (pool.level and", PLACED
    ),
    "the level is what the pool held before": lua(
        "sessions", "placed = records.placed(level, token,", "placed = records.placed(level - 1, token,", PLACED
    ),
    "the level is what the pool holds now": lua(
        "reads",
        "    level or '', token",
        "    level and ledger.occupancy(fleet, session.pool_number) or '', token",
        PLACED,
    ),
    "the token is one of the present policy": lua(
        "policies", "for _, policy in pairs(policies.BY_NAME) do", "for _, policy in pairs({ slta }) do", PLACED
    ),
    "a record without token and level is unreadable": lua("records", "(%S+)(.*)$", "(%S+) (.+)$", PLACED),
    "a repair drops token and level": lua(
        "repair_records", "level and records.placed(level, token) or", "false or", PLACED
    ),
    "a repair keeps what nobody can read": lua(
        "repair_records", "level and records.placed(level, token) or ''", "session.placed", PLACED
    ),
    "an empty word is told as a token": python(
        "store/replies", "token=token or None,\n        level", "token=token,\n        level", PLACED
    ),
}
