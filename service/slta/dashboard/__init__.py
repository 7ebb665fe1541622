"""Dashboard at `/`: figure 4 of the paper, drawn live from a fleet."""

from slta.dashboard.about import About, links
from slta.dashboard.routes import dashboard_router
from slta.dashboard.streams import FleetStreams

__all__ = ["About", "FleetStreams", "dashboard_router", "links"]
