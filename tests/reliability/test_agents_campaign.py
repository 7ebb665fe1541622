"""Twelve hosts with agents live through deaths and cuts, as in `make agents-campaign`, in a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.agents import cases
from lab.agents.system import Size, system

SIZE = Size(hosts=12, ttl_seconds=3, gone_seconds=4, rate=5.0, stay_seconds=8.0)
LATE = "within"
"""Part of a sentence about times: a busy machine is no fault of the agents."""


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_no_session_of_a_living_pool_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "WARM_UP_SECONDS", 3.0)
    monkeypatch.setattr(cases, "OUTAGE_SECONDS", 9.0)
    with system(tmp_path, SIZE) as made:
        found = cases.run(made, ["quarter-killed", "all-cut-and-quarter-killed"])
    assert [sentence for sentence in found if LATE not in sentence] == []
