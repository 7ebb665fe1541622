"""Redis client: URL, sentinels, connection pool, preflight check, durability, pipeline and function calls."""
