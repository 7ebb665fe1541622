"""Rows of the campaign's table, in a minute: as in `make agents-campaign` and `make clients-campaign`."""

from __future__ import annotations

import pytest

from lab.agents import system as agents
from lab.campaign.row import play
from lab.campaign.table import GROUPS
from lab.clients import system as clients

AGENTS = agents.Size(hosts=12, ttl=3, gone=4, rate=5.0, stay=8.0, warm_up=3.0, outage=9.0)
CLIENTS = clients.Size(processes=1, rate=10.0, stay=5.0, seconds=5.0, warm_up=3.0, after=10.0)
LATE = ("within", "a placement")
"""Parts of sentences about times: a busy machine is no fault of what is judged."""


@pytest.mark.campaign
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("group", "name", "mode", "size"),
    [
        ("agents", "quarter-killed", "async", AGENTS),
        ("agents", "all-cut-and-quarter-killed", "async", AGENTS),
        ("clients", "killed", "equal", CLIENTS),
    ],
)
async def test_nothing_is_refused_ended_or_forgotten(group: str, name: str, mode: str, size: object) -> None:
    record = await play(GROUPS[group].rows[name], name, mode, 0, size)
    assert [sentence for sentence in record["wrong"] if not any(late in sentence for late in LATE)] == []
