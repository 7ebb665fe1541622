"""When dispatchers noticed that the store had gone back, and what they put back: from their logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

EVENT = "store_went_back"


def noticed(logs: Iterable[Path], broke: float, reached: float) -> Mapping[str, Any]:
    """What dispatchers said after the store `broke`; `reached` is when one that had gone back was reached.

    Both are in seconds since 1970, and 0 where nothing went back. `noticed_seconds` is from the second to what the
    first dispatcher said, None where none did.
    """
    events = [event for log in logs for event in _events(log)]
    moments = [moment for event in events if (moment := _moment(event)) >= broke]
    return {
        "noticed_seconds": round(max(0, min(moments) - reached), 2) if reached and moments else None,
        "replayed": sum(event["replayed"] for event in events),
    }


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") == EVENT:
                yield event


def _moment(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()
