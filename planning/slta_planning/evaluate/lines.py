"""Counts of a log's lines, and examples of those that were left out."""

from __future__ import annotations

from dataclasses import dataclass, field

EXAMPLES = 5
"""Maximum number of examples of each kind in the report."""
LEFT_OUT = {
    "bad": "bad",
    "unknown_pool": "on unknown pools",
    "overlapping": "on full pools",
    "incompatible": "in a class that their type may not use",
    "twice": "twice",
    "still_open": "whose session_id is still open: see --gap",
}
"""Counts of lines that are missing from the figures, and why they are."""


@dataclass
class Lines:
    """Counts of a log's lines. `read` excludes the header, empty lines, those of backends that were not selected, and
    those of `no_session`: others than the ends of slta1, of which `never_ended` began sessions without an end.

    `overlapping` sessions began on a full pool, `incompatible` ones in a class that their type may not use; `typed`
    ones name a type.
    `open_at_end` sessions ended after the window. `clock_back` lines are used, but follow lines that start and end
    later. `waited` sessions were in a queue, together for `waited_seconds`, which count for no pool.
    `second_hour`: the date comes twice, and was taken for the second. `twice` are copies of lines before, `still_open`
    begin while another with their id is open; both are left out.
    """

    read: int = 0
    bad: int = 0
    not_placed: int = 0
    unknown_pool: int = 0
    other_backend: int = 0
    no_session: int = 0
    never_ended: int = 0
    overlapping: int = 0
    incompatible: int = 0
    typed: int = 0
    open_at_end: int = 0
    clock_back: int = 0
    waited: int = 0
    waited_seconds: float = 0.0
    second_hour: int = 0
    twice: int = 0
    still_open: int = 0
    bad_lines: list[str] = field(default_factory=list)
    incompatible_lines: list[str] = field(default_factory=list)
    unknown_pools: dict[str, int] = field(default_factory=dict)
    backends: dict[str, int] = field(default_factory=dict)
    """Lines by HAProxy's backend, also of those that were not selected."""
    unknown_servers: list[str] = field(default_factory=list)
    """Names in `unknown_pools` that came without a class."""

    @property
    def left_out(self) -> int:
        """Lines missing from the figures."""
        return sum(getattr(self, kind) for kind in LEFT_OUT)
