"""A dispatcher's pod on Kubernetes: as the image and the settings say, with few privileges, ended in time."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest

from slta.runtime.settings import Settings, unknown_variables
from tests.deploy.manifests import ROOT, container, environment, of_kind, pod, the, volumes


def dockerfile(pattern: str) -> str:
    """What the last stage says."""
    found = re.findall(
        pattern, (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2], re.MULTILINE
    )
    assert len(found) == 1
    return str(found[0])


def default(name: str) -> Any:
    return Settings.model_fields[name].default


# The image and the settings


def test_the_user_is_that_of_the_image() -> None:
    context = pod()["spec"]["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == dockerfile(r"^USER (\S+)$")


def test_the_port_is_that_of_the_image() -> None:
    assert [str(port["containerPort"]) for port in container()["ports"]] == [dockerfile(r"^EXPOSE (\d+)$")]


def test_the_pod_runs_what_the_image_runs_on_all_addresses() -> None:
    assert not {"command", "args"} & container().keys()
    assert dockerfile(r"\bSLTA_HOST=(\S+)") == "0.0.0.0"  # noqa: S104 - the pod's
    assert "SLTA_HOST" not in environment()


def test_each_variable_is_a_setting_and_none_holds_a_secret() -> None:
    assert unknown_variables(environment()) == {}
    assert not {"SLTA_STORE_URL", "SLTA_API_KEY"} & environment().keys()
    assert "envFrom" not in container()
    assert [variable for variable in container()["env"] if set(variable) != {"name", "value"}] == []


def test_variables_of_services_do_not_get_among_the_settings() -> None:
    assert pod()["spec"]["enableServiceLinks"] is False


def test_each_file_of_a_setting_is_mounted() -> None:
    mounts = {mount["mountPath"]: volume for mount, volume in volumes()}
    names = environment()
    assert Path(names["SLTA_KEYS_FILE"]).parent == Path(names["SLTA_SECRETS_DIR"])
    assert "secret" in mounts[names["SLTA_SECRETS_DIR"]]
    config = Path(names["SLTA_CONFIG"])
    fleet = mounts[str(config.parent)]["configMap"]["name"]
    assert config.name in the("ConfigMap", fleet)["data"]


def test_the_secret_s_files_can_be_read_by_the_dispatcher_and_nobody_else() -> None:
    (secret,) = (volume["secret"] for _, volume in volumes() if "secret" in volume)
    assert secret["defaultMode"] == 0o440
    assert pod()["spec"]["securityContext"]["fsGroup"] == pod()["spec"]["securityContext"]["runAsGroup"]


def test_no_mount_hides_an_update_of_its_files() -> None:
    assert [mount for mount, _ in volumes() if "subPath" in mount] == []


# Probes and the end


@pytest.mark.parametrize(
    ("probe", "path"), [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
)
def test_only_readiness_depends_on_the_store(probe: str, path: str) -> None:
    assert container()[probe]["httpGet"] == {"path": path, "port": "http"}


def test_the_grace_period_has_time_for_the_lame_duck_and_the_last_requests() -> None:
    lame_duck = float(environment()["SLTA_LAME_DUCK_SECONDS"])
    assert lame_duck >= 5
    assert pod()["spec"]["terminationGracePeriodSeconds"] >= lame_duck + default("shutdown_timeout_seconds") + 5
    assert "lifecycle" not in container(), (
        "a hook takes its time from the grace period, and the lame duck begins after it"
    )


def test_a_rollout_takes_no_dispatcher_away_before_another_is_ready() -> None:
    assert the("Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert the("Deployment")["spec"]["replicas"] >= 2


def test_nodes_can_be_emptied_with_one_dispatcher_and_while_the_store_is_away() -> None:
    budget = the("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_dispatchers_are_spread_over_zones_and_nodes_where_there_are_some() -> None:
    spread = pod()["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}


# Privileges: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted


def test_the_namespace_enforces_the_restricted_standard() -> None:
    labels = the("Namespace")["metadata"]["labels"]
    assert {mode: labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {
        "enforce": "restricted", "audit": "restricted", "warn": "restricted",
    }  # fmt: skip


def test_the_pod_meets_the_restricted_standard() -> None:
    spec, own = pod()["spec"], container()["securityContext"]
    assert [
        shared for shared in ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers") if spec.get(shared)
    ] == []
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not own.keys() & {"privileged", "runAsNonRoot", "runAsUser", "seccompProfile", "procMount"}
    assert [
        volume for _, volume in volumes() if not set(volume) - {"name"} <= {"configMap", "secret", "emptyDir"}
    ] == []
    assert [port for port in container()["ports"] if "hostPort" in port] == []


def test_the_pod_has_bounded_memory_and_nothing_of_its_image_can_be_written() -> None:
    assert container()["securityContext"]["readOnlyRootFilesystem"] is True
    assert container()["resources"]["limits"]["memory"] == container()["resources"]["requests"]["memory"]
    for mount, volume in volumes():
        assert mount.get("readOnly") or volume["emptyDir"]["sizeLimit"]


# Network


def test_nothing_passes_unless_a_policy_says_so() -> None:
    assert the("NetworkPolicy", "default-deny")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def peers(direction: str, side: str) -> dict[str, list[dict[str, Any]]]:
    """The policies of a direction: whom they let through. No rule is without peers, which would let everybody."""
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in of_kind("NetworkPolicy"):
        for rule in policy["spec"].get(direction, []):
            assert rule[side]
            assert rule["ports"]
            assert policy["spec"]["policyTypes"] == [direction.capitalize()]
            found.setdefault(policy["metadata"]["name"], []).extend(rule[side])
    return found


def test_only_clients_and_prometheus_reach_a_dispatcher() -> None:
    incoming = peers("ingress", "from")
    assert set(incoming) == {"slta-from-clients", "slta-from-prometheus"}
    for (peer,) in incoming.values():
        assert peer["namespaceSelector"]["matchLabels"]


def test_a_dispatcher_reaches_only_names_and_the_store() -> None:
    outgoing = peers("egress", "to")
    assert set(outgoing) == {"slta-to-dns", "slta-to-store"}
    (dns,), (store,) = outgoing["slta-to-dns"], outgoing["slta-to-store"]
    assert dns["namespaceSelector"]["matchLabels"]
    assert ipaddress.ip_network(store["ipBlock"]["cidr"]).num_addresses == 1
