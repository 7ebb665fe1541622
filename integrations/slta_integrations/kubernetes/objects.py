"""EndpointSlices (discovery.k8s.io/v1), Pods and Deployments (apps/v1) as the API server sends them.

A list that is empty may be null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import AliasPath, BaseModel, Field

from slta_integrations.kubernetes.events import version_of

SERVICE_LABEL = "kubernetes.io/service-name"


class Endpoint(NamedTuple):
    """A pod in a slice. `host` is empty without an address, `is_terminating` beats `is_ready`."""

    uid: str
    pod: str
    host: str
    is_ready: bool
    is_terminating: bool


class Slice(NamedTuple):
    """EndpointSlice: `family` is IPv4, IPv6 or FQDN; `ports` by name, the first first; `others` are not about pods."""

    service: str
    family: str
    version: int
    ports: Mapping[str, int]
    endpoints: tuple[Endpoint, ...]
    others: int


class Labelled(NamedTuple):
    """A pod's name, uid, labels and annotations; kind and name of its controller; whether it is being deleted."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    controller: tuple[str, str] = ("", "")
    is_deleted: bool = False


class Deployment(BaseModel):
    """Deployment, as far as it matters here. One that selects by expressions is invalid."""

    name: str = Field(validation_alias=AliasPath("metadata", "name"))
    version: str = Field(validation_alias=AliasPath("metadata", "resourceVersion"))
    generation: int = Field(validation_alias=AliasPath("metadata", "generation"))
    replicas: int = Field(validation_alias=AliasPath("spec", "replicas"))
    labels: dict[str, str] = Field(validation_alias=AliasPath("spec", "selector", "matchLabels"))
    expressions: list[Any] = Field([], validation_alias=AliasPath("spec", "selector", "matchExpressions"), max_length=0)
    observed: int = Field(0, validation_alias=AliasPath("status", "observedGeneration"))
    existing: int = Field(0, validation_alias=AliasPath("status", "replicas"))
    updated: int = Field(0, validation_alias=AliasPath("status", "updatedReplicas"))

    @property
    def is_settled(self) -> bool:
        """Whether its pods are of one ReplicaSet, and none is still to be deleted."""
        return self.observed >= self.generation and self.updated == self.existing <= self.replicas


class _Reference(BaseModel):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Conditions(BaseModel):
    ready: bool | None = None
    terminating: bool | None = None


class _Endpoint(BaseModel):
    addresses: list[str] | None = None
    conditions: _Conditions | None = None
    target: _Reference | None = Field(None, alias="targetRef")

    @property
    def is_pod(self) -> bool:
        return self.target is not None and self.target.kind == "Pod" and bool(self.target.uid and self.target.name)

    def read(self) -> Endpoint:
        """Of a pod. A condition that is null is unknown, which counts as ready and as not terminating."""
        conditions, target = self.conditions or _Conditions(), self.target or _Reference()
        host = next(iter(self.addresses or ()), "")
        return Endpoint(target.uid, target.name, host, conditions.ready is not False, conditions.terminating is True)


class _Port(BaseModel):
    name: str | None = None
    port: int | None = None


class _Metadata(BaseModel):
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    name: str = ""
    uid: str = ""
    deleted_at: str | None = Field(None, alias="deletionTimestamp")
    owners: list[_Reference] | None = Field(None, alias="ownerReferences")


class _Slice(BaseModel):
    metadata: _Metadata
    family: str = Field(alias="addressType")
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


class _Pod(BaseModel):
    metadata: _Metadata


def read_slice(item: Mapping[str, Any]) -> Slice:
    """An EndpointSlice. Raises ValueError."""
    found = _Slice.model_validate(item)
    pods = [endpoint for endpoint in found.endpoints or () if endpoint.is_pod]
    return Slice(
        (found.metadata.labels or {}).get(SERVICE_LABEL, ""),
        found.family,
        version_of(item),
        {port.name or "": port.port for port in found.ports or () if port.port},
        tuple(endpoint.read() for endpoint in pods),
        len(found.endpoints or ()) - len(pods),
    )


def read_pod(item: Mapping[str, Any]) -> Labelled:
    """What names and marks a Pod, from it or from its metadata. Raises ValueError."""
    found = _Pod.model_validate(item).metadata
    owner = next((one for one in found.owners or () if one.controller), _Reference())
    controller, is_deleted = (owner.kind, owner.name), found.deleted_at is not None
    return Labelled(found.name, found.uid, found.labels or {}, found.annotations or {}, controller, is_deleted)
