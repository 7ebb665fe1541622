"""Prometheus metrics: a view of snapshots at scrape time, and what this process itself has done."""

from service.metrics.activity import Activity
from service.metrics.exposition import Metrics

__all__ = ["Activity", "Metrics"]
