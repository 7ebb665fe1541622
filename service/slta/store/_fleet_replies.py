"""Reply parsers of changes of a fleet, and of the events that record them."""

from __future__ import annotations

import json
from typing import Any

from slta.models import MICROSECONDS, Configured, Suspect, Ticked
from slta.models.request_record import Event, Facts
from slta.store._outcomes import REFUSALS, Reply


def configured(reply: Reply) -> Configured:
    """Parse the reply of `put`."""
    _, version, created = reply
    return Configured(config_version=int(version), created=bool(int(created)))


def ticked(reply: Reply) -> Ticked:
    """Parse the reply of `tick`."""
    outcome, first, word, audit, turn, interval, held, micros = reply
    suspect = Suspect(ours=bool(first), blocked=word) if outcome == "SUSPECT" else None
    return Ticked(
        suspect=suspect,
        remain=bool(first) and not suspect,
        recent=word == "recent" and not suspect,
        audit=audit,
        turn_seconds=turn / MICROSECONDS,
        held_seconds=held / MICROSECONDS,
        seconds=micros / MICROSECONDS,
        interval=interval,
    )


def event(text: str) -> Event:
    """Parse an event of `lua/state/events.lua`. Unknown fields, which a newer version may have written, are ignored."""
    payload = json.loads(text)
    refusal = REFUSALS.get(payload["outcome"])
    outcome = refusal.code if refusal else payload["outcome"].lower()
    facts = {name: _facts(payload.get(name)) for name in ("before", "after")}
    fields = {name: payload.get(name) for name in Event.__dataclass_fields__}
    return Event(**fields | facts | {"outcome": outcome})


def _facts(payload: dict[str, Any] | None) -> Facts | None:
    return None if payload is None else Facts(**{name: payload.get(name) for name in Facts.__dataclass_fields__})
