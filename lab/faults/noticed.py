"""When dispatchers noticed that the store had gone back, and what they put back: from events of their logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

EVENT = "store_went_back"


def noticed(events: Sequence[Mapping[str, Any]], broke: float, reached: float) -> Mapping[str, Any]:
    """Events of dispatchers after the store `broke`; `reached` is when one that had gone back was reached.

    Both are in seconds since 1970, and 0 where nothing went back. `noticed_seconds` is from the second to what the
    first dispatcher said, None where none did.
    """
    times = [datetime.fromisoformat(event["timestamp"]).timestamp() for event in events]
    moments = [moment for moment in times if moment >= broke]
    return {
        "noticed_seconds": round(max(0, min(moments) - reached), 2) if reached and moments else None,
        "replayed": sum(event["replayed"] for event in events),
    }
