"""The only place that knows Redis: atomic steps in Lua, a typed method for each, batching, the embedded server."""

from service.store.caller import StoreObserver
from service.store.connection import StoreSettings
from service.store.store import Store

__all__ = ["Store", "StoreObserver", "StoreSettings"]
