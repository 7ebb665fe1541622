"""Failover: the log of acknowledged calls, and their replay after a loss."""
