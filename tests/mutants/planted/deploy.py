"""Planted mistakes in configuration and manifests."""

from __future__ import annotations

from tests.mutants.planting import Mutant, row

MUTANTS: dict[str, Mutant] = {
    "the unit's filter kills the process that predicts": row(
        "deploy/systemd/slta.service", "", "setpriority", "getpriority", "deploy/systemd"
    ),
    "clients of the proxy say who they are": row(
        "deploy/haproxy/haproxy.cfg",
        "frontend api",
        "  http-request del-header X-Forwarded-For\n",
        "",
        "deploy/haproxy",
    ),
    "the proxy does not say who asks": row(
        "deploy/haproxy/haproxy.cfg", "frontend api", "  option forwardfor\n", "", "deploy/haproxy"
    ),
    "a field is misspelled, which the API server drops": row(
        "deploy/kubernetes/base/deployment.yaml",
        "",
        "minReadySeconds",
        "minimumReadySeconds",
        "deploy/kubernetes::test_each_document_is_valid_and_has_no_field_that_kubernetes_does_not_know",
    ),
    "a field of the operator is misspelled": row(
        "deploy/kubernetes/monitoring/service-monitor.yaml",
        "sourceLabels: [__meta_kubernetes_service_name, __meta_kubernetes_namespace]",
        "replacement",
        "replaceWith",
        "deploy/kubernetes::test_each_document_of_the_operator_is_valid",
    ),
    "the budget is for other pods": row(
        "deploy/kubernetes/base/disruption-budget.yaml",
        "selector",
        ".kubernetes.io/name",
        "",
        "deploy/kubernetes::test_each_selector_finds_the_dispatchers_and_the_monitor_s_their_service",
    ),
    "the service leads to a port that no container has": row(
        "deploy/kubernetes/base/service.yaml",
        "ports",
        "targetPort: http",
        "targetPort: api",
        "deploy/kubernetes::test_each_port_that_is_named_is_one_of_the_container_or_of_the_service",
    ),
    "a variable is misspelled": row(
        "deploy/kubernetes/base/deployment.yaml",
        "env",
        "SLTA_CONFIG",
        "SLTA_FLEET",
        "deploy/kubernetes_pods::test_each_variable_is_a_setting_and_none_holds_a_secret",
    ),
    "variables of services are among the settings": row(
        "deploy/kubernetes/base/deployment.yaml",
        "template > spec",
        "enableServiceLinks: false",
        "enableServiceLinks: true",
        "deploy/kubernetes_pods::test_variables_of_services_do_not_get_among_the_settings",
    ),
    "the dispatcher may not read its secrets": row(
        "deploy/kubernetes/base/deployment.yaml",
        "name: secrets",
        "defaultMode: 0440",
        "defaultMode: 0400",
        "deploy/kubernetes_pods::test_the_secret_s_files_can_be_read_by_the_dispatcher_and_nobody_else",
    ),
    "the kubelet kills a lame duck": row(
        "deploy/kubernetes/base/deployment.yaml",
        "template > spec",
        "terminationGracePeriodSeconds: 30",
        "terminationGracePeriodSeconds: 20",
        "deploy/kubernetes_pods::test_the_grace_period_has_time_for_the_lame_duck_and_the_last_requests",
    ),
    "the standard restricted is not met": row(
        "deploy/kubernetes/base/deployment.yaml",
        "template",
        "RuntimeDefault",
        "Unconfined",
        "deploy/kubernetes_pods::test_the_pod_meets_the_restricted_standard",
    ),
    "pods may reach everything": row(
        "deploy/kubernetes/base/network-policies.yaml",
        "",
        ", Egress",
        "",
        "deploy/kubernetes_pods::test_nothing_passes_unless_a_policy_says_so",
    ),
    "everybody is a client": row(
        "deploy/kubernetes/base/network-policies.yaml",
        "from > namespaceSelector",
        'slta-client: "true"',
        "",
        "deploy/kubernetes_pods::test_only_clients_and_prometheus_reach_a_dispatcher",
    ),
    "the operator's rules are old": row(
        "deploy/kubernetes/monitoring/rules.yaml",
        "name: slta_placement > rules",
        "SltaUtilityAboveBound",
        "SltaUtilityAbove",
        "deploy/kubernetes_monitoring::test_the_resources_are_what_the_sources_say",
    ),
    "the fleets are scraped once for each pod": row(
        "deploy/kubernetes/monitoring/service-monitor.yaml",
        "action: labeldrop",
        "pod|node",
        "node",
        "deploy/kubernetes_monitoring::test_each_dispatcher_is_scraped_and_the_fleets_once_through_the_service",
    ),
}
