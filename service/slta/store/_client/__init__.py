"""Redis client: URL, routing, connection pools, preflight check, durability, function calls, rollback detection."""
