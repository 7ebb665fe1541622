"""What is marked in the dashboard's charts."""

from __future__ import annotations

from typing import NamedTuple

OF_DISPATCHERS = " and on (cluster, job, namespace, instance) slta_build_info"
"""Other processes of the same job are left out."""


class Annotation(NamedTuple):
    """What is marked in all charts where the query has a value above 0."""

    name: str
    color: str
    query: str


ANNOTATIONS = (
    Annotation("Configuration changed", "blue", "max by (fleet) (changes(slta_config_version{FLEET}[1m])) > 0"),
    Annotation("Fleet created anew", "red", "changes(fleet:slta_store_epoch_timestamp_seconds:max{FLEET}[1m]) > 0"),
    Annotation(
        "Dispatcher restarted",
        "purple",
        "(changes(process_start_time_seconds{INSTALLATION}[1m]) > 0)" + OF_DISPATCHERS,
    ),
    Annotation("Alert", "orange", 'ALERTS{INSTALLATION,alertname=~"Slta.*",alertstate="firing",fleet=~"$fleet|"}'),
)
