"""Redis client: URL, routing, connection pools, preflight check, durability, pipeline and function calls."""
