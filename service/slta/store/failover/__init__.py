"""Failover: detection of lost acknowledged writes, the log of those writes, and their replay."""
