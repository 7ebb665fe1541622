"""When dispatchers noticed that the store had gone back, and what they put back: from their logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

EVENT = "store_went_back"


def noticed(logs: Iterable[Path], since: float) -> Mapping[str, Any]:
    """`since`: when the store that had gone back could be reached, in seconds since 1970; 0 if there was none.

    `noticed_seconds` is from then to the first of the dispatchers, None where none did.
    """
    events = [event for log in logs for event in _events(log)]
    moments = [moment for event in events if (moment := _moment(event)) >= since]
    return {
        "noticed_seconds": round(min(moments) - since, 2) if since and moments else None,
        "put_back": sum(event["put_back"] for event in events),
    }


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") == EVENT:
                yield event


def _moment(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()
