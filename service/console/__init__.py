"""Dashboard at `/`: figure 4 of the paper, drawn live from a fleet."""

from service.console.feeds import Feeds
from service.console.router import console_router

__all__ = ["Feeds", "console_router"]
