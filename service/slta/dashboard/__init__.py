"""Dashboard at `/`: figure 4 of the paper, drawn live from a fleet."""

from slta.dashboard.routes import dashboard_router
from slta.dashboard.streams import FleetStreams

__all__ = ["FleetStreams", "dashboard_router"]
