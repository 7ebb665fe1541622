"""Former names of metrics and recording rules, none of which may be left in the tree; None: without a successor."""

from __future__ import annotations

RENAMED: dict[str, str | None] = {
    # Of each fleet.
    "slta_utility_pool_seconds": "slta_utility_seconds",
    "slta_bound_pool_seconds": "slta_utility_bound_seconds",
    "slta_occupancy_fraction": "slta_occupancy_ratio",
    "slta_optimal_occupancy_fraction": "slta_optimal_occupancy_ratio",
    "slta_threshold": "slta_class_threshold",
    "slta_optimal_threshold": "slta_class_optimal_threshold",
    "slta_tokens": "slta_pool_tokens",
    "slta_store_epoch": "slta_store_epoch_timestamp_seconds",
    "slta_suspect": "slta_fleet_suspect",
    "slta_audit_time_seconds": "slta_last_audit_timestamp_seconds",
    "slta_session_type_sessions": "slta_typed_sessions",
    "slta_session_type_assignments_total": "slta_typed_assignments_total",
    "slta_session_type_rejections_total": "slta_typed_rejections_total",
    "slta_session_type_load_price": "slta_typed_load_price",
    "slta_store_went_back_total": "slta_store_rollbacks_total",
    "slta_utility_mean": None,  # fleet_window:slta_utility:mean
    "slta_placement_gap": None,  # fleet_window:slta_placement_gap:mean
    "slta_difference_at_placing": "slta_compared_difference",
    "slta_difference_at_placing_standard_error": None,
    "slta_difference_at_placing_sessions": "slta_compared_sessions_total",
    # Of each process.
    "slta_expected_placement_gap": None,
    "slta_relative_expected_placement_gap": "slta_expected_placement_gap_ratio",
    "slta_request_duration_seconds": "http_server_request_duration_seconds",
    "slta_not_replayed_total": "slta_changes_not_replayed_total",
    "slta_tls_certificate_not_after_seconds": "slta_tls_certificate_not_after_timestamp_seconds",
    "slta_store_evicts": "slta_store_eviction_enabled",
    "slta_server_errors_total": None,
    "slta_requests_shed_total": None,
    # Of the agent and the follower.
    "slta_agent_probe_failures_total": "slta_agent_failures_total",
    "slta_agent_healthy": "slta_agent_pool_healthy",
    "slta_follow_outcomes_total": "slta_follow_answers_total",
    # Recording rules.
    "fleet:slta_utility:max": "fleet:slta_aggregate_utility:max",
    "fleet:slta_utility_bound:max": "fleet:slta_aggregate_utility_bound:max",
    "fleet:slta_relative_gap:max": "fleet:slta_utility_gap:ratio",
    "fleet_window:slta_relative_placement_gap:max": "fleet_window:slta_placement_gap:ratio",
    "fleet_window:slta_relative_swing_gap:max": "fleet_window:slta_swing_gap:ratio",
    "fleet_window:slta_relative_compatibility_gap:max": "fleet_window:slta_compatibility_gap:ratio",
    "fleet_status:slta_sessions:sum": "fleet_pool_status:slta_sessions:sum",
    "fleet_status:slta_pools:sum": "fleet_pool_status:slta_pools:sum",
    "fleet_class_status:slta_pools:max": "fleet_class_pool_status:slta_pools:max",
    "fleet:slta_store_epoch:max": "fleet:slta_store_epoch_timestamp_seconds:max",
    "fleet:slta_store_went_back:max": "fleet:slta_store_rollbacks:max",
    "fleet:slta_relative_expected_placement_gap:max": "fleet:slta_expected_placement_gap_ratio:max",
    "fleet:slta_bound_pool_seconds:max": "fleet:slta_utility_bound_seconds:max",
    "fleet:slta_lost_pool_seconds:max": "fleet:slta_utility_lost_seconds:max",
    "fleet_session_type_reason:slta_session_type_rejections:max": "fleet_session_type_reason:slta_rejections:max",
    "fleet_session_type_reason:slta_session_type_rejections:rate1m": "fleet_session_type_reason:slta_rejections:rate1m",
    "route:slta_requests:rate1m": "http_route:http_server_requests:rate1m",
    "route:slta_request_duration_seconds:p50": "http_route:http_server_request_duration_seconds:p50",
    "route:slta_request_duration_seconds:p99": "http_route:http_server_request_duration_seconds:p99",
    "slta:batch_size:mean1m": "installation:slta_batch_size:mean1m",
    "fleet_span:slta_relative_placement_gap:mean": "fleet_span:slta_placement_gap:ratio",
    "fleet_span:slta_relative_expected_placement_gap:mean": "fleet_span:slta_expected_placement_gap:ratio",
    "fleet_span:slta_relative_placement_excess:mean": "fleet_span:slta_placement_excess:ratio",
}
