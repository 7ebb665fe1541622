"""Failover: detection of a store that lost acknowledged writes, the log of those writes, and their replay."""
