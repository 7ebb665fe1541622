"""What a scrape of the metrics asks for."""

from __future__ import annotations

from typing import Literal, NamedTuple

Part = Literal["process", "fleets"]


class Scrape(NamedTuple):
    """Accept header, the part of the metrics (None: both), and whether they include families by level."""

    accept: str = ""
    of: Part | None = None
    levels: bool = False
