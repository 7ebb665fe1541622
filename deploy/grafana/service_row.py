"""What the dashboard shows of the dispatchers themselves."""

from __future__ import annotations

from deploy.grafana.marks import OF_DISPATCHERS
from deploy.grafana.panels import Chart, Row
from deploy.objective import FAILURES, SECONDS, WINDOWS

OF_SESSIONS = (
    '{INSTALLATION,http_request_method=~"POST|PUT",'
    'http_route=~".*/(assign|complete|renew|operations|sessions/.session_id.)"}'
)
OF_STORE = '{INSTALLATION,function=~"batch|snapshot|tick"}'

SERVICE = Row(
    "The service",
    [
        Chart(
            "Requests",
            "Requests per second by method and route, over all dispatchers.",
            {"{{http_request_method}} {{http_route}}": "http_route:http_server_requests:rate1m{INSTALLATION}"},
            unit="reqps",
            stacked=True,
        ),
        Chart(
            "Latency",
            "Time to answer the calls of sessions, bulk calls and reports: the median and the slowest in a hundred.",
            {
                "median {{http_route}}": "http_route:http_server_request_duration_seconds:p50" + OF_SESSIONS,
                "99 % {{http_route}}": "http_route:http_server_request_duration_seconds:p99" + OF_SESSIONS,
            },
            unit="s",
        ),
        Chart(
            "Assigns that failed",
            f"Assigns that took longer than {SECONDS:g} s or ended in a server error; a full fleet's answer is none. "
            "Shares over five minutes to three days, and what the objective allows.",
            {
                **{w: f"installation:slta_assign_failures:ratio{w}{{INSTALLATION}}" for w in WINDOWS},
                "allowed": f"0 * installation:slta_dispatchers:count{{INSTALLATION}} + {FAILURES}",
            },
            unit="percentunit",
        ),
        Chart(
            "Server errors",
            "Answers of 5xx per second, by the code of the problem document; those of a full fleet among them.",
            {
                "{{error_type}}": "sum by (error_type) (rate("
                'http_server_request_duration_seconds_count{INSTALLATION,http_response_status_code=~"5.."}[1m])) '
                "or vector(0)",
            },
            unit="cps",
        ),
        Chart(
            "Placements",
            "Answers to proxies per second, by code: placed, or why the proxy chose by itself or refused.",
            {"{{outcome}}": "sum by (outcome) (rate(slta_place_requests_total{INSTALLATION}[1m])) or vector(0)"},
            unit="cps",
            stacked=True,
        ),
        Chart(
            "Overload",
            "Requests shed per second, by route, and connections refused or closed, by reason.",
            {
                "shed: {{http_route}}": "sum by (http_route) (rate("
                'http_server_request_duration_seconds_count{INSTALLATION,error_type="overloaded"}[1m])) or vector(0)',
                "refused: {{reason}}": "sum by (reason) (rate(slta_connections_refused_total{INSTALLATION}[1m])) "
                "or vector(0)",
            },
            unit="cps",
        ),
        Chart(
            "Store time",
            "Time of a call of the store, network included: the median and the slowest in a hundred.",
            {
                "median {{function}}": "function:slta_store_duration_seconds:p50" + OF_STORE,
                "99 % {{function}}": "function:slta_store_duration_seconds:p99" + OF_STORE,
            },
            unit="s",
        ),
        Chart(
            "Shards",
            "Masters of the store by the result of the last test write, as the dispatcher that sees most of them says.",
            {"{{shard_status}}": "max by (shard_status) (slta_store_shards{INSTALLATION})"},
        ),
        Chart(
            "Batch size",
            "Operations that shared a call of the store; it grows with the load, up to 128.",
            {"mean": "installation:slta_batch_size:mean1m{INSTALLATION}"},
        ),
        Chart(
            "Errors",
            "Answers that were not 2xx (503 for a full fleet among them) and failed calls of the store, per second.",
            {
                "answers {{http_response_status_code}}": "sum by (http_response_status_code) (rate("
                'http_server_request_duration_seconds_count{INSTALLATION,http_response_status_code!~"2.."}[1m])) '
                "or vector(0)",
                "store {{error_type}}": "sum by (error_type) (rate(slta_store_errors_total{INSTALLATION}[1m])) "
                "or vector(0)",
            },
            unit="cps",
        ),
        Chart(
            "Requests by key",
            "Requests per second by the key that they came with; unknown: without a valid one.",
            {"{{key_id}}": "sum by (key_id) (rate(slta_key_requests_total{INSTALLATION}[1m]))"},
            unit="reqps",
            stacked=True,
        ),
        Chart(
            "Refused by key",
            "Answers per second by key: 401 (no valid key), 403 (not its scope), 429 (beyond its rate, or no room).",
            {
                "{{http_response_status_code}} {{key_id}}": "sum by (http_response_status_code, key_id) (rate("
                'slta_key_requests_total{INSTALLATION,http_response_status_code=~"401|403|429"}[1m])) or vector(0)',
            },
            unit="reqps",
        ),
        Chart(
            "Processor time",
            "Processors that each dispatcher keeps busy; one process uses one at most.",
            {"{{instance}}": "rate(process_cpu_seconds_total{INSTALLATION}[1m])" + OF_DISPATCHERS},
        ),
        Chart(
            "Memory",
            "Resident memory of each dispatcher; it should not grow while the load stays.",
            {"{{instance}}": "process_resident_memory_bytes{INSTALLATION}" + OF_DISPATCHERS},
            unit="bytes",
        ),
        Chart(
            "Connections",
            "Open connections of clients at each dispatcher.",
            {"{{instance}}": "slta_connections{INSTALLATION}"},
        ),
        Chart(
            "Dispatchers",
            "Dispatchers that answer Prometheus, by version, and those that reach the store.",
            {
                "{{version}} {{digest}}": "count by (version, digest) (slta_build_info{INSTALLATION})",
                "reach the store": "sum(slta_store_up{INSTALLATION})",
            },
        ),
    ],
)
"""Here replicas are added up."""
