"""Planted mistakes in the recipes of deploy/proxies. Their tests have the mark `proxies`."""

from __future__ import annotations

from tests.mutants.planting import Mutant, row

TESTS = {
    "killed": "faults::test_no_client_is_refused_or_kept_waiting[{}-slta was killed]",
    "stopped": "faults::test_no_client_is_refused_or_kept_waiting[{}-slta stands still]",
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


def recipe(file: str, where: str, right: str, wrong: str, test: str) -> Mutant:
    """In a file below deploy/proxies; the test runs on that proxy only."""
    case = TESTS[test].format(file.partition("/")[0])
    return row(f"deploy/proxies/{file}", where, right, wrong, f"proxies/{case}")


MUTANTS: dict[str, Mutant] = {
    "HAProxy asks again and again": recipe(
        "haproxy/haproxy.cfg", "global", "  httpclient.retries 0\n  httpclient.timeout.connect 50ms\n", "", "killed"
    ),
    "HAProxy waits for an answer for long": recipe(
        "haproxy/slta.lua", "", "timeout = 200", "timeout = 5000", "stopped"
    ),
    "HAProxy keeps what a client left": recipe(
        "haproxy/haproxy.cfg", "backend pools", "option abortonclose", "# ", "waiting"
    ),
    "HAProxy writes no begin": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "  http-response lua.slta_begin\n", "", "later"
    ),
    "HAProxy does not say that it lives": recipe("haproxy/slta.lua", "", "Stopping == 0", "Stopping == 9", "restarted"),
    "HAProxy passes on headers of slta": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "http-request del-header ^x[-_]slta[-_] -m reg", "# ", "headers"
    ),
    "HAProxy passes on an id with underscores": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "^x[-_]session[-_]id$ -m reg", "x-session-id", "underscores"
    ),
    "HAProxy compares escapes": recipe(
        "haproxy/haproxy.cfg",
        "frontend clients",
        "http-request normalize-uri percent-decode-unreserved",
        "# ",
        "decoded",
    ),
    "HAProxy compares doubled slashes": recipe(
        "haproxy/visits.cfg", "frontend clients", "http-request normalize-uri path-merge-slashes", "# ", "merged"
    ),
    "HAProxy changes queries": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "http-request set-query", "#", "query"
    ),
    "HAProxy asks about preflights": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "begins_session !is_preflight", "begins_session", "preflight"
    ),
    "HAProxy always refuses for a full fleet": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "is_full !overflow", "is_full", "overflow"
    ),
    "HAProxy never refuses": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "is_full !overflow", "!is_full is_full", "full"
    ),
    "HAProxy chooses for a fleet without pools": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "no_capacity no_active_pool", "no_capacity", "inactive"
    ),
    "HAProxy asks for another lease": recipe("haproxy/slta.lua", "", "{lease}", '{"50"}', "lease"),
    "HAProxy takes any cookie": recipe(
        "haproxy/visits.cfg", "frontend clients", "signed) -m bool", "claimed) -m found", "forged"
    ),
    "HAProxy keeps the cookie of an ended visit": recipe(
        "haproxy/visits.cfg", "frontend clients", "session_ended", "session_over", "ended"
    ),
    "HAProxy asks about each session": recipe("haproxy/haproxy.cfg", "frontend clients", "rand(100", "int(-1", "share"),
    "HAProxy asks about one percent too many": recipe(
        "haproxy/haproxy.cfg", "frontend clients", "share) lt 0", "share) le 0", "share"
    ),
    "HAProxy forgets where a visit is": recipe(
        "haproxy/visits.cfg", "backend pools", "stick on var(txn.slta_id)", "# ", "stays"
    ),
    "nginx waits for an answer for long": recipe(
        "nginx/nginx.conf", "location = /_slta", "proxy_read_timeout 200ms;", "proxy_read_timeout 5s;", "stopped"
    ),
    "nginx passes on headers of slta": recipe(
        "nginx/nginx.conf", "http", '  proxy_set_header X-Slta-Pool "";\n', "", "headers"
    ),
    "nginx asks about preflights": recipe("nginx/nginx.conf", "http", "OPTIONS 0;", "OPTIONS 1;", "preflight"),
    "nginx passes on what a pool may take for a session": recipe(
        "nginx/nginx.conf", "location /", "if ($request_uri ~ ^/(play|ws)) { return 400; }", "#", "escaped"
    ),
    "nginx always refuses for a full fleet": recipe(
        "nginx/nginx.conf", "http", "off1 1;", "off1 1; on1 1;", "overflow"
    ),
    "nginx never refuses": recipe("nginx/nginx.conf", "http", "off1 1;", "", "full"),
    "nginx chooses for a fleet without pools": recipe("nginx/nginx.conf", "http", " no_active_pool 1;", "", "inactive"),
    "nginx sends again what a pool may have done": recipe(
        "nginx/nginx.conf", "location @dead_pool", "      if ($slta_unsent = 0) { return 502; }\n", "", "broken"
    ),
    "nginx takes any cookie": recipe(
        "nginx/visits.conf", "http", "{ 1 $cookie_slta_visit", "{ default $cookie_slta_visit", "forged"
    ),
    "nginx keeps the cookie of an ended visit": recipe(
        "nginx/visits.conf", "http", "session_ended", "session_over", "ended"
    ),
    "nginx forgets where a visit is": recipe(
        "nginx/visits.conf", "upstream own_choice", "hash $slta_id$slta_anybody consistent", "least_conn", "stays"
    ),
    "Envoy waits for an answer for long": recipe(
        "envoy/slta.lua", "envoy_on_request", "timeout_ms = 200", "timeout_ms = 5000", "stopped"
    ),
    "Envoy writes no begin": recipe("envoy/envoy.yaml", "static_resources", "UpstreamPoolReady", "TcpConnect", "later"),
    "Envoy says after a hot restart that nothing is left": recipe(
        "envoy/slta.lua", "sign", 'and "alive" or', 'and "start" or', "reload"
    ),
    "Envoy passes on headers of slta": recipe(
        "envoy/envoy.yaml",
        "name: envoy.http.early_header_mutation.header_mutation > typed_config",
        "              - remove_on_match: {key_matcher: {prefix: x-slta-, ignore_case: true}}\n",
        "",
        "headers",
    ),
    "Envoy passes on headers with underscores": recipe(
        "envoy/envoy.yaml", "static_resources", "DROP_HEADER", "ALLOW", "underscores"
    ),
    "Envoy compares escapes": recipe(
        "envoy/envoy.yaml", "static_resources", "normalize_path: true", "normalize_path: false", "decoded"
    ),
    "Envoy compares doubled slashes": recipe(
        "envoy/visits.yaml", "static_resources", "merge_slashes: true", "merge_slashes: false", "merged"
    ),
    "Envoy asks about preflights": recipe("envoy/envoy.yaml", "static_resources", ": OPTIONS", ": NONE", "preflight"),
    "Envoy always refuses for a full fleet": recipe(
        "envoy/slta.lua", "envoy_on_request", '~= "on"', '~= "never"', "overflow"
    ),
    "Envoy never refuses": recipe("envoy/slta.lua", "envoy_on_request", "and may_refuse", "and not may_refuse", "full"),
    "Envoy chooses for a fleet without pools": recipe(
        "envoy/slta.lua", "FULL", ", no_active_pool = true", "", "inactive"
    ),
    "Envoy sends again what a pool may have done": recipe(
        "envoy/envoy.yaml", "retry_policy", "connect-failure", "reset", "broken"
    ),
    "Envoy logs the id that a client claims": recipe(
        "envoy/envoy.yaml",
        "name: envoy.http.early_header_mutation.header_mutation > typed_config",
        "              - remove: x-session-id\n",
        "",
        "claimed",
    ),
    "Envoy keeps the cookie of an ended visit": recipe(
        "envoy/slta.lua", "envoy_on_response", "session_ended", "session_over", "ended"
    ),
    "Envoy forgets where a visit is": recipe("envoy/visits.yaml", "route: &pools", "session-id", "other", "stays"),
    "Caddy waits for an answer for long": recipe(
        "caddy/Caddyfile",
        "reverse_proxy 127.0.0.1:8080 > transport http",
        "response_header_timeout 200ms",
        "response_header_timeout 5s",
        "stopped",
    ),
    "Caddy has no choice while slta is away": recipe(
        "caddy/Caddyfile", "handle_errors", "{vars.slta_pool} == null || ", "", "stopped"
    ),
    "Caddy passes on headers of slta": recipe(
        "caddy/Caddyfile", "http://:80", "\trequest_header -X-Slta-*\n", "", "headers"
    ),
    "Caddy drops an id that the client names as its connection's": recipe(
        "caddy/Caddyfile", "http://:80", "request_header Connection (?i)x-session-id close", "", "named"
    ),
    "Caddy asks about preflights": recipe(
        "caddy/Caddyfile", "begins_session", "\t\tnot method OPTIONS\n", "", "preflight"
    ),
    "Caddy always refuses for a full fleet": recipe(
        "caddy/Caddyfile", "handle_response @full", "overflow off", "slta_pool none", "overflow"
    ),
    "Caddy compares only the path that it cleaned": recipe(
        "caddy/Caddyfile", "begins_session", ' || {http.request.uri}.matches("^/(play|ws)")', "", "escaped"
    ),
    "Caddy never refuses": recipe("caddy/Caddyfile", "handle_response @full", "overflow off", "overflow never", "full"),
    "Caddy chooses for a fleet without pools": recipe(
        "caddy/Caddyfile", "full", "\t\t\t\theader X-Slta-Code no_active_pool\n", "", "inactive"
    ),
    "Caddy sends again what a pool may have done": recipe(
        "caddy/Caddyfile", "handle_errors", '{err.message}.startsWith("dial ")', "true", "broken"
    ),
    "Caddy logs no session that its client left": recipe(
        "caddy/Caddyfile", "route @begins_session", "http.auth.user.id", "line", "waiting"
    ),
    "Caddy keeps the cookie of an ended visit": recipe(
        "caddy/visits.Caddyfile", "reverse_proxy @visit 127.0.0.1:8080", "session_ended", "session_over", "ended"
    ),
    "Caddy forgets where a visit is": recipe(
        "caddy/visits.Caddyfile", "(own_choice) > reverse_proxy", "Session-Id", "Other", "stays"
    ),
    "HAProxy drops the session type": recipe(
        "haproxy/slta.lua", "", '  headers["x-slta-session-type"] = {txn:get_var("txn.slta_type")}\n', "", "typed"
    ),
    "nginx passes on a client's session type": recipe(
        "nginx/nginx.conf", "http", '  proxy_set_header X-Slta-Session-Type "";\n', "", "headers"
    ),
    "Envoy drops the session type": recipe(
        "envoy/slta.lua",
        "envoy_on_request",
        '  question["x-slta-session-type"] = context:get("session_type")\n',
        "",
        "typed",
    ),
    "Caddy drops the session type": recipe(
        "caddy/Caddyfile",
        "reverse_proxy 127.0.0.1:8080",
        "\t\t\theader_up X-Slta-Session-Type {vars.slta_type}\n",
        "",
        "typed",
    ),
}
