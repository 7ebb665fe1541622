"""Planted mistakes in the manifests of deploy/kubernetes."""

from __future__ import annotations

from tests.mutants.planting import Mutant

MANIFESTS = "deploy/kubernetes"


def manifest(file: str, right: str, wrong: str, test: str) -> Mutant:
    """A mistake in a manifest, and the test of tests/deploy that notices it."""
    return Mutant(f"{MANIFESTS}/{file}.yaml", right, wrong, (f"tests/deploy/test_kubernetes{test}",))


SLOW: dict[str, Mutant] = {
    "the fleets are scraped once for each pod": manifest(
        "monitoring/service-monitor",
        "regex: pod|node|container",
        "regex: node|container",
        "_monitoring.py::test_each_dispatcher_is_scraped_and_the_fleets_once_through_the_service",
    ),
}
MUTANTS: dict[str, Mutant] = {
    "a field is misspelled, which the API server drops": manifest(
        "base/deployment",
        "minReadySeconds:",
        "minimumReadySeconds:",
        ".py::test_each_document_is_valid_and_has_no_field_that_kubernetes_does_not_know",
    ),
    "a field of the operator is misspelled": manifest(
        "monitoring/service-monitor",
        "replacement:",
        "replaceWith:",
        ".py::test_each_document_of_the_operator_is_valid",
    ),
    "the budget is for other pods": manifest(
        "base/disruption-budget",
        "matchLabels: {app.kubernetes.io/name: slta}",
        "matchLabels: {app: slta}",
        ".py::test_each_selector_finds_the_dispatchers_and_the_monitor_s_their_service",
    ),
    "the service leads to a port that no container has": manifest(
        "base/service",
        "targetPort: http",
        "targetPort: api",
        ".py::test_each_port_that_is_named_is_one_of_the_container_or_of_the_service",
    ),
    "a variable is misspelled": manifest(
        "base/deployment",
        "name: SLTA_CONFIG,",
        "name: SLTA_FLEET,",
        "_pods.py::test_each_variable_is_a_setting_and_none_holds_a_secret",
    ),
    "variables of services are among the settings": manifest(
        "base/deployment",
        "enableServiceLinks: false",
        "enableServiceLinks: true",
        "_pods.py::test_variables_of_services_do_not_get_among_the_settings",
    ),
    "the dispatcher may not read its secrets": manifest(
        "base/deployment",
        "defaultMode: 0440",
        "defaultMode: 0400",
        "_pods.py::test_the_secret_s_files_can_be_read_by_the_dispatcher_and_nobody_else",
    ),
    "the kubelet kills a lame duck": manifest(
        "base/deployment",
        "terminationGracePeriodSeconds: 30",
        "terminationGracePeriodSeconds: 20",
        "_pods.py::test_the_grace_period_has_time_for_the_lame_duck_and_the_last_requests",
    ),
    "the standard restricted is not met": manifest(
        "base/deployment",
        "seccompProfile: {type: RuntimeDefault}",
        "seccompProfile: {type: Unconfined}",
        "_pods.py::test_the_pod_meets_the_restricted_standard",
    ),
    "pods may reach everything": manifest(
        "base/network-policies",
        "policyTypes: [Ingress, Egress]",
        "policyTypes: [Ingress]",
        "_pods.py::test_nothing_passes_unless_a_policy_says_so",
    ),
    "everybody is a client": manifest(
        "base/network-policies",
        'matchLabels: {slta-client: "true"}',
        "matchLabels: {}",
        "_pods.py::test_only_clients_and_prometheus_reach_a_dispatcher",
    ),
    "the operator's rules are old": manifest(
        "monitoring/rules",
        "- alert: SltaPlacementGap\n",
        "- alert: SltaPlacement\n",
        "_monitoring.py::test_the_resources_are_what_the_sources_say",
    ),
    **SLOW,
}
