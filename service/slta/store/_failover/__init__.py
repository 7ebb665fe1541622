"""Failover: the log of acknowledged calls, and the restore of what a store has lost of them."""
