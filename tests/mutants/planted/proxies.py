"""Planted mistakes in the recipes of deploy/proxies. Their tests have the mark `proxies`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutants.planting import Mutant, row

PROXIES = {"haproxy": "HAProxy", "nginx": "nginx", "envoy": "Envoy", "caddy": "Caddy"}
TESTS = {
    "killed": "faults::test_no_client_is_refused_or_kept_waiting[{}-killed]",
    "stopped": "faults::test_no_client_is_refused_or_kept_waiting[{}-stopped]",
    "waiting": "following::test_a_session_lives_as_long_as_its_connection[{}-waiting]",
    "later": "following::test_sessions_that_the_proxy_placed_while_slta_was_away_are_known_afterwards[{}]",
    "restarted": "dead_proxy::test_of_a_proxy_that_was_restarted_only_new_sessions_are_left[{}]",
    "headers": "requests::test_no_header_of_a_client_can_be_taken_for_one_of_slta[{}-/play-behind-hyphens]",
    "underscores": "requests::test_no_header_of_a_client_can_be_taken_for_one_of_slta[{}-/play-behind-underscores]",
    "decoded": "requests::test_another_spelling_of_the_path_is_placed_or_refused[{}-/%70lay-behind]",
    "merged": "requests::test_another_spelling_of_the_path_is_placed_or_refused[{}-//play-visited]",
    "query": "requests::test_a_browsers_request_is_placed_and_reaches_its_pool_unchanged[{}-a query]",
    "preflight": "requests::test_a_preflight_is_not_asked_about[{}]",
    "overflow": "refusals::test_with_overflow_the_proxy_chooses_for_a_full_fleet[{}]",
    "full": "refusals::test_a_full_fleet_refuses[{}]",
    "inactive": "refusals::test_a_fleet_without_active_pools_refuses[{}]",
    "lease": "visits::test_ten_requests_three_at_a_time_are_one_session_that_lives_for_its_lease[{}]",
    "forged": "visits::test_an_id_that_was_not_signed_is_no_visit[{}]",
    "ended": "visits::test_a_visit_that_slta_has_ended_is_answered_and_gets_another_cookie[{}]",
    "share": "shares::test_slta_places_as_many_of_the_sessions_as_the_share_says",
    "stays": "visits::test_a_visit_stays_on_one_pool_while_slta_is_away[{}]",
    "escaped": "requests::test_another_spelling_of_the_path_is_placed_or_refused[{}-/play/%2F..%2f-behind]",
    "broken": "dead_pools::test_what_a_pool_may_have_done_is_not_sent_again[{}-0]",
    "reload": "dead_proxy::test_a_reload_ends_no_session[{}]",
    "claimed": "requests::test_no_header_of_a_client_can_be_taken_for_one_of_slta[{}-/asset-behind-hyphens]",
    "named": "requests::test_a_client_cannot_keep_the_id_from_the_pool_by_its_connection_header[{}-behind]",
    "typed": "session_types::test_a_location_names_its_type_and_a_client_cannot[connections-{}]",
}
"""Cases by key; `{}` is the proxy."""
MISTAKES: dict[tuple[str, str], tuple[tuple[str, str, str, str], ...]] = {
    ("asks again and again", "killed"): (
        ("haproxy/haproxy.cfg", "global", "  httpclient.retries 0\n  httpclient.timeout.connect 50ms\n", ""),
    ),
    ("waits for an answer for long", "stopped"): (
        ("haproxy/slta.lua", "", "timeout = 200", "timeout = 5000"),
        ("nginx/nginx.conf", "location = /_slta", "proxy_read_timeout 200ms;", "proxy_read_timeout 5s;"),
        ("envoy/slta.lua", "envoy_on_request", "timeout_ms = 200", "timeout_ms = 5000"),
        (
            "caddy/Caddyfile",
            "reverse_proxy 127.0.0.1:8080 > transport http",
            "response_header_timeout 200ms",
            "response_header_timeout 5s",
        ),
    ),
    ("keeps what a client left", "waiting"): (("haproxy/haproxy.cfg", "backend pools", "option abortonclose", "# "),),
    ("writes no begin", "later"): (
        ("haproxy/haproxy.cfg", "frontend clients", "  http-response lua.slta_begin\n", ""),
        ("envoy/envoy.yaml", "static_resources", "UpstreamPoolReady", "TcpConnect"),
    ),
    ("does not say that it lives", "restarted"): (("haproxy/slta.lua", "", "Stopping == 0", "Stopping == 9"),),
    ("passes on headers of slta", "headers"): (
        ("haproxy/haproxy.cfg", "frontend clients", "http-request del-header ^x[-_]slta[-_] -m reg", "# "),
        ("nginx/nginx.conf", "http", '  proxy_set_header X-Slta-Pool "";\n', ""),
        (
            "envoy/envoy.yaml",
            "name: envoy.http.early_header_mutation.header_mutation > typed_config",
            "              - remove_on_match: {key_matcher: {prefix: x-slta-, ignore_case: true}}\n",
            "",
        ),
        ("caddy/Caddyfile", "http://:80", "\trequest_header -X-Slta-*\n", ""),
    ),
    ("passes on an id with underscores", "underscores"): (
        ("haproxy/haproxy.cfg", "frontend clients", "^x[-_]session[-_]id$ -m reg", "x-session-id"),
    ),
    ("compares escapes", "decoded"): (
        ("haproxy/haproxy.cfg", "frontend clients", "http-request normalize-uri percent-decode-unreserved", "# "),
        ("envoy/envoy.yaml", "static_resources", "normalize_path: true", "normalize_path: false"),
    ),
    ("compares doubled slashes", "merged"): (
        ("haproxy/visits.cfg", "frontend clients", "http-request normalize-uri path-merge-slashes", "# "),
        ("envoy/visits.yaml", "static_resources", "merge_slashes: true", "merge_slashes: false"),
    ),
    ("changes queries", "query"): (("haproxy/haproxy.cfg", "frontend clients", "http-request set-query", "#"),),
    ("asks about preflights", "preflight"): (
        ("haproxy/haproxy.cfg", "frontend clients", "begins_session !is_preflight", "begins_session"),
        ("nginx/nginx.conf", "http", "OPTIONS 0;", "OPTIONS 1;"),
        ("envoy/envoy.yaml", "static_resources", ": OPTIONS", ": NONE"),
        ("caddy/Caddyfile", "begins_session", "\t\tnot method OPTIONS\n", ""),
    ),
    ("always refuses for a full fleet", "overflow"): (
        ("haproxy/haproxy.cfg", "frontend clients", "is_full !overflow", "is_full"),
        ("nginx/nginx.conf", "http", "off1 1;", "off1 1; on1 1;"),
        ("envoy/slta.lua", "envoy_on_request", '~= "on"', '~= "never"'),
        ("caddy/Caddyfile", "handle_response @full", "overflow off", "slta_pool none"),
    ),
    ("never refuses", "full"): (
        ("haproxy/haproxy.cfg", "frontend clients", "is_full !overflow", "!is_full is_full"),
        ("nginx/nginx.conf", "http", "off1 1;", ""),
        ("envoy/slta.lua", "envoy_on_request", "and may_refuse", "and not may_refuse"),
        ("caddy/Caddyfile", "handle_response @full", "overflow off", "overflow never"),
    ),
    ("chooses for a fleet without pools", "inactive"): (
        ("haproxy/haproxy.cfg", "frontend clients", "no_capacity no_active_pool", "no_capacity"),
        ("nginx/nginx.conf", "http", " no_active_pool 1;", ""),
        ("envoy/slta.lua", "FULL", ", no_active_pool = true", ""),
        ("caddy/Caddyfile", "full", "\t\t\t\theader X-Slta-Code no_active_pool\n", ""),
    ),
    ("asks for another lease", "lease"): (("haproxy/slta.lua", "", "{lease}", '{"50"}'),),
    ("takes any cookie", "forged"): (
        ("haproxy/visits.cfg", "frontend clients", "signed) -m bool", "claimed) -m found"),
        ("nginx/visits.conf", "http", "{ 1 $cookie_slta_visit", "{ default $cookie_slta_visit"),
    ),
    ("keeps the cookie of an ended visit", "ended"): (
        ("haproxy/visits.cfg", "frontend clients", "session_ended", "session_over"),
        ("nginx/visits.conf", "http", "session_ended", "session_over"),
        ("envoy/slta.lua", "envoy_on_response", "session_ended", "session_over"),
        ("caddy/visits.Caddyfile", "reverse_proxy @visit 127.0.0.1:8080", "session_ended", "session_over"),
    ),
    ("asks about each session", "share"): (("haproxy/haproxy.cfg", "frontend clients", "rand(100", "int(-1"),),
    ("asks about one percent too many", "share"): (
        ("haproxy/haproxy.cfg", "frontend clients", "share) lt 0", "share) le 0"),
    ),
    ("forgets where a visit is", "stays"): (
        ("haproxy/visits.cfg", "backend pools", "stick on var(txn.slta_id)", "# "),
        ("nginx/visits.conf", "upstream own_choice", "hash $slta_id$slta_anybody consistent", "least_conn"),
        ("envoy/visits.yaml", "route: &pools", "session-id", "other"),
        ("caddy/visits.Caddyfile", "(own_choice) > reverse_proxy", "Session-Id", "Other"),
    ),
    ("passes on what a pool may take for a session", "escaped"): (
        ("nginx/nginx.conf", "location /", "if ($request_uri ~ ^/(play|ws)) { return 400; }", "#"),
    ),
    ("sends again what a pool may have done", "broken"): (
        ("nginx/nginx.conf", "location @dead_pool", "      if ($slta_unsent = 0) { return 502; }\n", ""),
        ("envoy/envoy.yaml", "retry_policy", "connect-failure", "reset"),
        ("caddy/Caddyfile", "handle_errors", '{err.message}.startsWith("dial ")', "true"),
    ),
    ("says after a hot restart that nothing is left", "reload"): (
        ("envoy/slta.lua", "sign", 'and "alive" or', 'and "start" or'),
    ),
    ("passes on headers with underscores", "underscores"): (
        ("envoy/envoy.yaml", "static_resources", "DROP_HEADER", "ALLOW"),
    ),
    ("logs the id that a client claims", "claimed"): (
        (
            "envoy/envoy.yaml",
            "name: envoy.http.early_header_mutation.header_mutation > typed_config",
            "              - remove: x-session-id\n",
            "",
        ),
    ),
    ("has no choice while slta is away", "stopped"): (
        ("caddy/Caddyfile", "handle_errors", "{vars.slta_pool} == null || ", ""),
    ),
    ("drops an id that the client names as its connection's", "named"): (
        ("caddy/Caddyfile", "http://:80", "request_header Connection (?i)x-session-id close", ""),
    ),
    ("compares only the path that it cleaned", "escaped"): (
        ("caddy/Caddyfile", "begins_session", ' || {http.request.uri}.matches("^/(play|ws)")', ""),
    ),
    ("logs no session that its client left", "waiting"): (
        ("caddy/Caddyfile", "route @begins_session", "http.auth.user.id", "line"),
    ),
    ("drops the session type", "typed"): (
        ("haproxy/slta.lua", "", '  headers["x-slta-session-type"] = {txn:get_var("txn.slta_type")}\n', ""),
        ("envoy/slta.lua", "envoy_on_request", '  question["x-slta-session-type"] = context:get("session_type")\n', ""),
        (
            "caddy/Caddyfile",
            "reverse_proxy 127.0.0.1:8080",
            "\t\t\theader_up X-Slta-Session-Type {vars.slta_type}\n",
            "",
        ),
    ),
    ("passes on a client's session type", "headers"): (
        ("nginx/nginx.conf", "http", '  proxy_set_header X-Slta-Session-Type "";\n', ""),
    ),
}
"""Mistake and key of its test, run on that proxy only; file below deploy/proxies, where, right and wrong text."""


def _mutants() -> Iterator[tuple[str, Mutant]]:
    for (mistake, test), recipes in MISTAKES.items():
        for file, where, right, wrong in recipes:
            proxy = file.partition("/")[0]
            case = f"proxies/{TESTS[test].format(proxy)}"
            yield f"{PROXIES[proxy]} {mistake}", row(f"deploy/proxies/{file}", where, right, wrong, case)


MUTANTS: dict[str, Mutant] = dict(_mutants())
