"""The live page at `/`: figure 4 of the paper, drawn from a fleet as it is now."""

from service.console.feeds import Feeds
from service.console.router import console_router

__all__ = ["Feeds", "console_router"]
