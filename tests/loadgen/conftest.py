"""A service that stands in for the dispatcher."""

from __future__ import annotations

import pytest

from tests.loadgen.standin import StandIn


@pytest.fixture
async def service() -> StandIn:
    return StandIn()
