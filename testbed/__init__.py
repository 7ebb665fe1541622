"""Testbed: real stores, relays, dispatchers, proxies, pools and clients, for tests and lab; not packaged."""
