"""Prometheus metrics: fleet metrics from snapshots at scrape time, and counters of this process."""

from slta.metrics.exposition import Metrics as Metrics
