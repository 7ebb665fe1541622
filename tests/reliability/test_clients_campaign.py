"""One client process with fallback goes on while slta is killed, as in `make clients-campaign`, in 20 s."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.clients import outages
from lab.clients.system import FLEETS, Load, system

LOAD = Load(processes=1, rate=10.0, mean_seconds=5.0)
LATE = "a placement"
"""How a sentence about delays begins: a busy machine is no fault of the client."""


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_no_session_is_refused_or_forgotten_while_slta_is_killed(tmp_path: Path) -> None:
    with system(tmp_path, FLEETS["equal"], LOAD) as made:
        found = outages.run(made, ["killed"], seconds=5.0, warm_up=3.0, after=10.0)
    assert [sentence for sentence in found if LATE not in sentence] == []
