"""docs/metrics.md, written from the tables: `python -m service.metrics.page > docs/metrics.md`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from service.metrics.activity import ACTIVITY_ROWS
from service.metrics.exposition import LINK_ROWS
from service.metrics.families import FLEET_ROWS
from service.metrics.readings import MOST_OLDER, PATIENCE_SECONDS
from service.metrics.rows import Row

PAGE = """\
# Metrics

`GET /metrics` answers in Prometheus's text format, or in OpenMetrics where `Accept` asks for it. This page is written
from the tables in `service/metrics` by `make format`. Utilities are in the unit of the fleet file, times in seconds.
What does not exist has no series: a fleet without active pools has no `slta_estimate_rank`, a policy without
thresholds no `slta_tokens`.

## Of each fleet

Every process reads these from the store when it is scraped, so every replica repeats the same series. Take the
largest of them, as `max by (cluster, job, namespace, fleet) (slta_aggregate_utility)` does, and never their sum; the
help of each says so. The counters belong to the fleet too: they go on when a process restarts, and begin anew with
`slta_store_epoch`.

A scrape reads the fleets in groups, and the dispatcher answers other requests in between. One reading is under way at a
time, and scrapes that come meanwhile share it. A scrape waits {patience:g} s for it; if it takes longer, the fleets are
shown as the last complete reading found them. `slta_scrape_age_seconds` says how old the fleets' metrics are. While
{older} older readings are still being sent to clients that read slowly, no new one begins.

{fleets}

`window` is 60, 300 or 3600, in seconds up to now. A window in which curves or capacities changed has no series.
`status` is `active`, `draining` or `failed`. `level` is a number of sessions; of a class whose capacity is above 64
every second, third, … level is shown, so that there are at most 64. `token` is what decided a placement.

## Of each process

These are the process's own, and begin anew when it restarts. Add them up over the replicas:
`sum by (route) (rate(slta_request_duration_seconds_count[1m]))`. A histogram has the series `…_bucket`, `…_sum` and
`…_count`.

{processes}

`method` is a method of HTTP, or `other`. `route` is the pattern of the path, or `none` where no route matched.
`status` is `2xx`, `4xx`, … (of `slta_key_requests_total` the number, such as `401`), or `left` when the client was gone
before the answer. `key_id` is a key of the key file, `unknown` for a request that had no valid key where it needed one,
and `none` where no key was asked for. On Linux there are also the `process_…` families of prometheus_client: processor
time, memory, open files, and when the process began.
"""


def page() -> str:
    """The whole page."""
    return PAGE.format(
        fleets=_table(FLEET_ROWS),
        processes=_table([*LINK_ROWS, *ACTIVITY_ROWS]),
        patience=PATIENCE_SECONDS,
        older=MOST_OLDER,
    )


def _table(rows: Iterable[Row]) -> str:
    head = ["| metric | type | labels | what it is |", "|---|---|---|---|"]
    return "\n".join(head + [_line(row) for row in rows])


def _line(row: Row) -> str:
    labels = ", ".join(f"`{label}`" for label in row.labels)
    text = re.sub(r"([*<|])", r"\\\1", row.help)
    return f"| `{row.shown_name}` | {row.type} | {labels} | {text} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - a page is written to standard output
